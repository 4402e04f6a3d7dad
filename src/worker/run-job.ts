// Runs one fetched job: reads it, checks its arguments again (anyone may have pushed it), computes. Never throws.
// What will fail the same way every time is recorded once and acknowledged; what threw goes back to the broker.
import { operationOfJobtype, operations, type Operation, type OperationName } from '../domain/operations.ts';
import type { JobRecord } from '../domain/results.ts';
import type { OperationLabel, WorkerOutcome } from '../metrics.ts';

export type OperationTable = Readonly<Record<OperationName, Operation>>;

/** What FAIL tells the broker: Faktory keeps 100 bytes of the type, 1,000 of the message, 50 lines of the backtrace. */
export interface Failure {
  errtype: string;
  message: string;
  backtrace: string[];
}

/** How one run of a job ended. */
export interface JobEnd {
  jid: string;
  operation: OperationLabel;
  outcome: WorkerOutcome;
  /** Undefined for a job of another service, whose state is not ours to tell. */
  record: JobRecord | undefined;
  /** Undefined: the job is done and is acknowledged. */
  failure: Failure | undefined;
}

interface FetchedJob {
  jid: string;
  jobtype: string;
  args?: unknown;
  /** The broker writes its default into a pushed job that has none (contribsys/faktory server/commands.go, v1.9.4). */
  retry?: number | null;
  /** As the broker, or whoever pushed the job, has written it. */
  failure?: { retry_count?: unknown } | null;
}

const textCharsMax = 200;
const backtraceLinesMax = 50;

/** @returns undefined when the text is no job at all: there is no jid to acknowledge */
export function runJob(text: string, table: OperationTable = operations): JobEnd | undefined {
  const job = parseJob(text);
  if (job === undefined) return undefined;
  const { jid, jobtype } = job;
  const name = operationOfJobtype(jobtype);
  if (name !== undefined) return runOperation(job, name, table[name]);
  if (jobtype.startsWith('math_')) {
    const operation = jobtype.slice('math_'.length, textCharsMax);
    const record = ended(job, { operation, error: `unknown operation: ${operation}` });
    return { jid, operation: 'other', outcome: 'failed', record, failure: undefined };
  }
  const message = `this worker runs math_* jobs only, and knows no jobtype ${jobtype.slice(0, textCharsMax)}`;
  const failure = { errtype: 'UnknownJobtype', message, backtrace: [] };
  return { jid, operation: 'other', outcome: 'failed', record: undefined, failure };
}

function runOperation(job: FetchedJob, name: OperationName, operation: Operation): JobEnd {
  const { jid } = job;
  const given: unknown = Array.isArray(job.args) ? job.args[0] : undefined;
  const checked = operation.schema.safeParse(given);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    const error = [...(issue?.path ?? []).map(String), issue?.message ?? 'invalid arguments'].join(' ');
    const record = ended(job, { operation: name, ...numbersOf(given), error: error.slice(0, textCharsMax) });
    return { jid, operation: name, outcome: 'failed', record, failure: undefined };
  }
  const { a, b, request_id } = checked.data;
  const about = { operation: name, a, b, ...(request_id != null && { request_id }) };
  try {
    const result = operation.run(a, b);
    const isFinite = Number.isFinite(result);
    const record = ended(job, {
      ...about,
      ...(isFinite ? { result } : { error: 'the result is not a finite number' }),
    });
    return { jid, operation: name, outcome: isFinite ? 'succeeded' : 'failed', record, failure: undefined };
  } catch (thrown) {
    const failure = failureOf(thrown);
    return { jid, operation: name, outcome: 'failed', record: threw(job, about, failure.message), failure };
  }
}

function ended(job: FetchedJob, about: Omit<JobRecord, 'job_id' | 'state'>): JobRecord {
  const state = about.error === undefined ? 'succeeded' : 'failed';
  return { job_id: job.jid, state, ...about, attempts: attemptsOf(job), finished_at: new Date().toISOString() };
}

/**
 * Between retries the job is pending, with its error. The broker's count begins at 0 with the first failure.
 * A job without `retry` was put into the broker's store past its protocol: how often it runs again is not known here.
 */
function threw(job: FetchedJob, about: Omit<JobRecord, 'job_id' | 'state'>, error: string): JobRecord {
  const attempts = attemptsOf(job);
  const isLast = typeof job.retry === 'number' && attempts > job.retry;
  if (isLast) return ended(job, { ...about, error });
  return { job_id: job.jid, state: 'pending', ...about, error, attempts };
}

/** This run included (contribsys/faktory manager/retry.go: retry_count is 0 after the first failure). */
function attemptsOf({ failure }: FetchedJob): number {
  if (typeof failure !== 'object' || failure === null) return 1;
  const { retry_count: count } = failure;
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count + 2 : 2;
}

function failureOf(thrown: unknown): Failure {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const backtrace = (error.stack ?? '').split('\n').slice(1, backtraceLinesMax + 1);
  return { errtype: error.name, message: error.message, backtrace: backtrace.map((line) => line.trim()) };
}

function numbersOf(given: unknown): { a?: number; b?: number } {
  if (typeof given !== 'object' || given === null) return {};
  const { a, b } = given as { a?: unknown; b?: unknown };
  return { ...(typeof a === 'number' && { a }), ...(typeof b === 'number' && { b }) };
}

function parseJob(text: string): FetchedJob | undefined {
  try {
    const job = JSON.parse(text) as Partial<FetchedJob> | null;
    return typeof job?.jid === 'string' && typeof job.jobtype === 'string' ? (job as FetchedJob) : undefined;
  } catch {
    return undefined;
  }
}
