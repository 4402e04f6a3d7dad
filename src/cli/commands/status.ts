// `work-factory status`: the states of jobs, in the order in which their ids are given.
import type { Job } from '../../client/job.ts';
import { defineCommand, exitCodes, UsageError, type ExitCode, type Invocation } from '../command.ts';
import { checkId, describeJob, exitCodeOfJob } from '../job-text.ts';
import { readLines } from '../lines.ts';
import { toSnakeCase } from '../output.ts';
import { openService, serviceOptions } from '../service.ts';
import { readSeconds } from '../values.ts';

const options = {
  wait: { about: 'waits for the end of each job, 60 seconds for all of them at most' },
  'wait-timeout': { value: 'SECONDS', about: 'waits for this time instead' },
  ...serviceOptions,
} as const;

export const status = defineCommand({
  operands: 'JOB_ID...|-',
  operandCount: { min: 1, max: Infinity },
  options,
  about: `  JOB_ID  the id that work-factory enqueue printed
  -       reads ids from standard input, one a line, any number

Prints a line for each job, in their order: id, state, then the result as JSON, the error, the time for
which it is scheduled, or how far it is. The states are scheduled, pending, succeeded, failed, expired
and cancelled. "not known here" does not say that a job is not stored: ids are kept for a day
(RESULT_TTL_SECONDS), and only where results are kept.`,
  exits: {
    done: 'every job is known, and none has ended without success; with --wait: all succeeded',
    failed: 'a job failed, expired or was cancelled; or the service refuses the request',
    usage: 'wrong usage, or something that cannot be an id',
    unknown: 'a job is not known here; with --wait also: a job has not ended. This code counts before 1',
    unreachable: 'the service cannot be reached',
  },
  examples: [
    'work-factory status 019caf3e-5c00-7d3a-9c11-5b0f2a6e4d10',
    'work-factory status 019caf3e-5c00-7d3a-9c11-5b0f2a6e4d10 --wait --json',
    'work-factory status - < ids.txt',
  ],
  run: showStatus,
});

/** Requests under way at once. */
const requestsMax = 16;
/** An id has at most 64 characters. */
const lineBytesMax = 1024;

async function showStatus(given: Invocation<typeof options>): Promise<ExitCode> {
  const { output, options: chosen, signal } = given;
  const { client } = openService(given);
  const waitSeconds = readSeconds('wait-timeout', chosen['wait-timeout']) ?? (chosen.wait ? 60 : undefined);
  const untilMs = performance.now() + (waitSeconds ?? 0) * 1000;
  const ended = new AbortController();
  const call = { signal: ended.signal };
  const ask = (id: string): Promise<Job | undefined> =>
    waitSeconds === undefined
      ? client.get(id, call)
      : client.wait(id, { ...call, timeoutMs: Math.max(0, untilMs - performance.now()) });

  const asked: { id: string; response: Promise<Job | undefined> }[] = [];
  let code: ExitCode = exitCodes.done;
  async function printFirst(): Promise<void> {
    const { id, response } = asked.shift() as (typeof asked)[number];
    const job = await response;
    code = worse(code, exitCodeOfJob(job, { isAwaited: waitSeconds !== undefined }));
    if (chosen.json) await output.printJson(job ? toSnakeCase(job) : { job_id: id, state: null });
    else await output.print(`${id} ${describeJob(job)}`);
  }
  try {
    for await (const id of readIds(given)) {
      if (signal.aborted) break;
      const response = ask(id);
      // The failure is handled when the job's turn comes.
      response.catch(() => undefined);
      asked.push({ id, response });
      if (asked.length >= requestsMax) await printFirst();
    }
    while (asked.length > 0) await printFirst();
    // The states of the remaining ids are not known.
    if (signal.aborted && !output.closed.aborted) return exitCodes.unknown;
  } finally {
    ended.abort();
  }
  return code;
}

/** Exit code 3 (a job is not known) counts before 1 (a job failed): so 1 says that all jobs are known. */
const worse = (a: ExitCode, b: ExitCode): ExitCode => (a > b ? a : b);

/** All ids of the command line are checked before the first request. */
async function* readIds({
  operands,
  stdin,
  signal,
}: Pick<Invocation, 'operands' | 'stdin' | 'signal'>): AsyncGenerator<string> {
  const [first = ''] = operands;
  if (first !== '-') {
    operands.forEach(checkId);
    yield* operands;
    return;
  }
  if (operands.length > 1) throw new UsageError('ids come from standard input or from the command line, not both');
  for await (const line of readLines(stdin, lineBytesMax, signal)) {
    const id = line.toString('utf8').trim();
    if (id !== '') yield checkId(id);
  }
}
