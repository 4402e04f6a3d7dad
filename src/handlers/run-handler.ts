// Runs one job in a handler process: checks its arguments (anyone may have pushed it), calls `run`, checks the result.
// Never rejects: the author of the job reads how it ended.
import type { Issues, JobType } from '../domain/job-type.ts';
import { decodeArgs } from '../domain/large-args.ts';
import { describeIssue } from '../jobs/argument-errors.ts';
import type { JobContext } from '../jobs/define-job.ts';
import { formatMessage, formatSucceeded, type RawJob } from './messages.ts';

export type Run = (args: unknown, context: JobContext) => unknown;

export interface HandlerRun {
  id: number;
  type: JobType;
  run: Run;
  job: RawJob;
  context: JobContext;
  /** The most bytes of compressed arguments after decompression. */
  argsBytesMax: number;
  resultBytesMax: number;
}

const issuesMax = 5;
// Faktory keeps 100 bytes of the type, 1,000 of the message, 50 lines of the backtrace.
const errtypeCharsMax = 100;
const messageCharsMax = 1000;
const backtraceLinesMax = 50;
const backtraceLineCharsMax = 500;

/** Resolves with the line of the message for the worker. */
export async function runHandler(options: HandlerRun): Promise<string> {
  const { id, type, run, job, context, argsBytesMax, resultBytesMax } = options;
  const given = readArgs(type, job, argsBytesMax);
  if (typeof given === 'string') return formatFailed(id, 'ArgumentsInvalid', `arguments: ${given}`);
  let value: unknown;
  try {
    value = await run(given.args, context);
  } catch (thrown) {
    return formatThrown(id, thrown);
  }
  const result = readResult(type, value, resultBytesMax);
  return 'text' in result ? formatSucceeded(id, result.text) : formatFailed(id, result.errtype, result.message);
}

type ResultReading = { text: string } | { errtype: string; message: string };

function readResult(type: JobType, value: unknown, bytesMax: number): ResultReading {
  const errtype = 'ResultInvalid';
  try {
    const checked = type.result?.safeParse(value, { error: describeIssue });
    if (checked?.success === false) return { errtype, message: `result: ${describeIssues(checked.error.issues)}` };
    const result: unknown = checked ? checked.data : value;
    const text = JSON.stringify(result) as string | undefined;
    if (text === undefined)
      return { errtype, message: `result: ${typeof result} is no JSON value; where there is none, return null` };
    const bytes = Buffer.byteLength(text);
    if (bytes <= bytesMax) return { text };
    const message = `result: ${bytes} bytes of JSON are more than RESULT_BYTES_MAX, ${bytesMax}`;
    return { errtype: 'ResultTooLarge', message };
  } catch (error) {
    return { errtype, message: `result: cannot be written as JSON: ${describe(error).message}` };
  }
}

const formatFailed = (id: number, errtype: string, message: string): string =>
  formatMessage({ type: 'failed', id, errtype, message: message.slice(0, messageCharsMax) });

function readArgs(type: JobType, job: RawJob, bytesMax: number): { args: unknown } | string {
  const decoded = decodeArgs(job.args, job.custom, bytesMax);
  if ('error' in decoded) return decoded.error;
  const { args } = decoded;
  if (!Array.isArray(args)) return 'must be a list';
  if (!type.isTuple && args.length !== 1) return `must be a list of one object, not of ${args.length} values`;
  try {
    const checked = type.args.safeParse(type.isTuple ? args : args[0], { error: describeIssue });
    return checked.success ? { args: checked.data } : describeIssues(checked.error.issues);
  } catch (error) {
    return describe(error).message;
  }
}

const describeIssues = (issues: Issues): string =>
  issues
    .slice(0, issuesMax)
    .map(({ path, message }) => [path.map(String).join('.'), message].filter((part) => part !== '').join(' '))
    .join('; ');

function formatThrown(id: number, thrown: unknown): string {
  const { name, message, stack } = describe(thrown);
  // Recognized by its name, because its class may come from another copy of this package.
  if (name === 'PermanentError') return formatFailed(id, name, message);
  const lines = stack.split('\n', backtraceLinesMax + 1).slice(1);
  const backtrace = lines.map((line) => line.trim().slice(0, backtraceLineCharsMax));
  return formatMessage({ type: 'threw', id, errtype: name, message, backtrace });
}

/** Anything can be thrown, even an object whose fields throw when they are read. */
function describe(thrown: unknown): { name: string; message: string; stack: string } {
  try {
    if (typeof thrown !== 'object' || thrown === null || !('message' in thrown))
      return { name: 'Error', message: String(thrown).slice(0, messageCharsMax), stack: '' };
    const { message, name, stack } = thrown as Partial<Record<keyof Error, unknown>>;
    return {
      name: (typeof name === 'string' && name !== '' ? name : 'Error').slice(0, errtypeCharsMax),
      message: String(message).slice(0, messageCharsMax),
      stack: typeof stack === 'string' ? stack : '',
    };
  } catch {
    return { name: 'Error', message: 'something was thrown that cannot be described', stack: '' };
  }
}
