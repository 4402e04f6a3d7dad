// `work-factory stream`: posts the jobs of a file or of standard input, one on each line, with one request.
import { WorkFactoryError } from '../../client/error.ts';
import { defineCommand, exitCodes, UsageError, type ExitCode, type Invocation } from '../command.ts';
import { exitCodeOf, failureJson, noteHints } from '../failure.ts';
import { openLines } from '../line-source.ts';
import { printable, toSnakeCase, type Output } from '../output.ts';
import { count, createProgress, rateOf } from '../progress.ts';
import { openService, serviceOptions } from '../service.ts';
import { readInteger } from '../values.ts';

const reportModes = ['errors', 'all', 'summary'] as const;

const options = {
  report: {
    value: 'WHICH',
    about: 'lines that are reported: errors (default: lines that are not enqueued), all, summary (none)',
  },
  from: { value: 'LINE', about: 'leaves out the lines before this one; the first line is 1' },
  ...serviceOptions,
} as const;

export const stream = defineCommand({
  operands: 'FILE|-',
  operandCount: { min: 1, max: 1 },
  options,
  about: `  FILE  NDJSON: one job on each line, as POST /jobs takes it:
          {"operation": "add", "args": {"a": 1, "b": 2}}
          {"operation": "add", "args": {"a": 3, "b": 4}, "delay_seconds": 60, "key": "order-4711"}
  -     reads standard input; it may go on for hours

Any number of lines; it reads only as far as the service follows, and memory stays flat. Standard output
has a line for each line that is not enqueued (with --report all for every line): its number, its
status, then the id of the job or what is wrong. Bad lines never stop good ones. How far it is, and
the sum at the end, go to standard error: a bar on a terminal, a line every ten seconds elsewhere.

After a break or an interrupt (^C) it prints the --from LINE to go on with. Lines with a "key" make
their jobs once in any case.`,
  exits: {
    done: 'every line is enqueued',
    failed: 'at least one line is not enqueued, and none is unknown',
    usage: 'wrong usage, or FILE cannot be read',
    unknown: 'at least one line may be enqueued or not',
    unreachable: 'the service cannot be reached; nothing was enqueued',
  },
  examples: [
    'work-factory stream jobs.ndjson',
    'work-factory stream jobs.ndjson --from 4712',
    'generate-jobs | work-factory stream - --report summary',
  ],
  run: streamJobs,
});

/** How many lines the service has reported, by their outcome. */
interface Tally {
  lines: number;
  enqueued: number;
  rejected: number;
  failed: number;
  unknown: number;
}

/** How a stream ended. */
interface End {
  readonly tally: Tally;
  readonly seconds: number;
  /** The first line that the service has not reported. */
  readonly nextLine: number;
  /** Set when the stream ended before the last line, because of the service or an interrupt. */
  readonly failure: WorkFactoryError | undefined;
  /** Why the input could not be read to its end. */
  readonly problem: string | undefined;
}

async function streamJobs(given: Invocation<typeof options>): Promise<ExitCode> {
  const { output, operands, options: chosen } = given;
  const [file = ''] = operands;
  const report = reportModes.find((mode) => mode === (chosen.report ?? 'errors'));
  if (report === undefined) throw new UsageError(`--report takes one of ${reportModes.join(', ')}`);
  const from = readInteger('from', chosen.from) ?? 1;
  if (from < 1) throw new UsageError('--from takes the number of a line; the first is 1');
  const { client } = openService(given);
  const source = await openLines(given, file, from);
  const now = (): number => performance.now();
  const startedMs = now();
  const progress = createProgress(output, now);
  const tally: Tally = { lines: 0, enqueued: 0, rejected: 0, failed: 0, unknown: 0 };
  let lastLine = from - 1;
  let failure: WorkFactoryError | undefined;
  try {
    for await (const { line, ...result } of client.stream(source.lines)) {
      lastLine = line + from - 1;
      tally.lines += 1;
      tally[result.status] += 1;
      if (report === 'all' || (report === 'errors' && result.status !== 'enqueued')) {
        progress.clear();
        if (chosen.json) await output.printJson({ line: lastLine, ...toSnakeCase(result) });
        else await output.print(`${lastLine} ${describe(result)}`);
      }
      const fraction = source.fractionUpTo(lastLine);
      progress.show({ lines: tally.lines, notEnqueued: tally.lines - tally.enqueued, fraction });
    }
  } catch (error) {
    if (!(error instanceof WorkFactoryError)) throw error;
    failure = error;
  } finally {
    progress.clear();
  }
  const seconds = (now() - startedMs) / 1000;
  const end: End = { tally, seconds, nextLine: lastLine + 1, failure, problem: source.problem() };
  if (chosen.json) await output.printJson(summaryJson(end));
  else noteEnd(output, end, file);
  return exitCodeOfEnd(end);
}

function describe(result: object): string {
  const { status, jobId, code, detail, at, duplicate, replayed } = result as Readonly<Record<string, unknown>>;
  const time = typeof at === 'string' ? `for ${at}` : '';
  const earlier = duplicate === true ? '(an earlier job that is like it)' : replayed === true ? '(before now)' : '';
  return printable([status, jobId, code, detail, time, earlier].filter(Boolean).join(' '));
}

const isWhole = ({ failure, problem }: End): boolean => failure === undefined && problem === undefined;

/** The fields are those of the service's own summary. */
const summaryJson = (end: End): object => ({
  summary: { ...end.tally, completed: isWhole(end), ...(!isWhole(end) && { next_line: end.nextLine }) },
  ...(end.failure && failureJson(end.failure)),
  ...(end.problem !== undefined && { code: 'unreadable', detail: end.problem }),
});

function noteEnd({ note }: Pick<Output, 'note'>, end: End, file: string): void {
  const { tally, seconds, failure, problem, nextLine } = end;
  const { lines, enqueued, rejected, failed, unknown } = tally;
  const rate = count(rateOf(lines, seconds * 1000));
  note(
    `${count(lines)} ${lines === 1 ? 'line' : 'lines'} in ${seconds.toFixed(1)} s (${rate}/s): ${count(enqueued)} enqueued, ` +
      `${count(rejected)} rejected, ${count(failed)} failed, ${count(unknown)} unknown`,
  );
  if (failure) note(`Ended before the last line: ${printable(failure.detail)} (${failure.code})`);
  if (failure && lines === 0) noteHints({ note }, failure);
  if (problem !== undefined) note(`Not read to the end: ${problem}`);
  if (!isWhole(end) && lines > 0) note(`To go on: work-factory stream ${printable(file)} --from ${nextLine}`);
}

function exitCodeOfEnd({ tally, failure, problem }: End): ExitCode {
  if (tally.unknown > 0) return exitCodes.unknown;
  if (tally.lines === 0 && failure) return exitCodeOf(failure);
  if (tally.lines === 0 && problem !== undefined) return exitCodes.usage;
  return tally.enqueued < tally.lines || failure || problem !== undefined ? exitCodes.failed : exitCodes.done;
}
