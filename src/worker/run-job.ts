// Runs one fetched job: reads it, checks its arguments again (anyone may have pushed it), computes. Never throws.
// What will fail the same way every time is recorded once and acknowledged; what threw goes back to the broker.
import type { InlineEnd, JobRegistry } from '../domain/job-type.ts';
import type { JobRecord } from '../domain/results.ts';
import type { OperationLabel, WorkerOutcome } from '../metrics.ts';

/** What FAIL tells the broker: Faktory keeps 100 bytes of the type, 1,000 of the message, 50 lines of the backtrace. */
export interface Failure {
  errtype: string;
  message: string;
  backtrace: string[];
}

/**
 * What a FAIL makes of a job, by its own `retry` (contribsys/faktory manager/retry.go, v1.9.4): 0 is nowhere, less or used
 * up is the dead set. A job without `retry` was put into the broker's store past its protocol: nobody here knows.
 */
export type Fate = 'retried' | 'dead' | 'gone' | 'unknown';

/** How one run of a job ended. */
export interface JobEnd {
  jid: string;
  /** What becomes of the job if the broker is told that it failed. */
  fate: Fate;
  operation: OperationLabel;
  outcome: WorkerOutcome;
  /** Undefined for a job of another service, whose state is not ours to tell. */
  record: JobRecord | undefined;
  /** Undefined: the job is done and is acknowledged. */
  failure: Failure | undefined;
  /** Further fields of its log line. */
  logged: Readonly<Record<string, unknown>>;
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
export function runJob(text: string, registry: JobRegistry): JobEnd | undefined {
  const job = parseJob(text);
  if (job === undefined) return undefined;
  const { jid, jobtype } = job;
  const type = registry.byJobtype(jobtype);
  if (type?.runInline === undefined) {
    const message = `this worker does not run the jobtype ${jobtype.slice(0, textCharsMax)}`;
    const failure = { errtype: 'UnknownJobtype', message, backtrace: [] };
    const fate = fateOf(job);
    return { jid, fate, operation: 'other', outcome: 'failed', record: undefined, failure, logged: {} };
  }
  return endOf(job, type.name, type.runInline(Array.isArray(job.args) ? job.args[0] : undefined));
}

function endOf(job: FetchedJob, operation: string, { about, result, error, thrown }: InlineEnd): JobEnd {
  const { jid } = job;
  const fate = fateOf(job);
  if (thrown !== undefined) {
    const failure = failureOf(thrown);
    const record = threw(job, { operation, ...about }, failure.message);
    return { jid, fate, operation, outcome: 'failed', record, failure, logged: about };
  }
  const outcome = error === undefined ? 'succeeded' : 'failed';
  const record = ended(job, { operation, ...about, ...(error === undefined ? { result } : { error }) });
  return { jid, fate, operation, outcome, record, failure: undefined, logged: { ...about, result } };
}

function ended(job: FetchedJob, about: Omit<JobRecord, 'job_id' | 'state'>): JobRecord {
  const state = about['error'] === undefined ? 'succeeded' : 'failed';
  return { job_id: job.jid, state, ...about, attempts: attemptsOf(job), finished_at: new Date().toISOString() };
}

function fateOf(job: FetchedJob): Fate {
  const { retry } = job;
  if (typeof retry !== 'number') return 'unknown';
  if (retry === 0) return 'gone';
  return attemptsOf(job) > retry ? 'dead' : 'retried';
}

/** Between retries the job is pending, with its error. */
function threw(job: FetchedJob, about: Omit<JobRecord, 'job_id' | 'state'>, error: string): JobRecord {
  const fate = fateOf(job);
  if (fate === 'dead' || fate === 'gone') return ended(job, { ...about, error });
  return { job_id: job.jid, state: 'pending', ...about, error, attempts: attemptsOf(job) };
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

function parseJob(text: string): FetchedJob | undefined {
  try {
    const job = JSON.parse(text) as Partial<FetchedJob> | null;
    return typeof job?.jid === 'string' && typeof job.jobtype === 'string' ? (job as FetchedJob) : undefined;
  } catch {
    return undefined;
  }
}
