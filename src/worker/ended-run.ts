// The end of one run of a job: its record, and the ACK or FAIL that the broker gets.
import type { Failure } from '../domain/job-source.ts';
import type { InlineEnd } from '../domain/job-type.ts';
import type { JobRecord } from '../domain/results.ts';
import type { OperationLabel } from '../metrics/jobs.ts';
import type { WorkerOutcome } from '../metrics/worker.ts';
import { attemptsOf, failEffectOf, lockOf, type FailEffect, type FetchedJob } from './fetched-job.ts';

export interface EndedRun {
  jid: string;
  /** The effect of a FAIL on the job. */
  failEffect: FailEffect;
  operation: OperationLabel;
  /** `requeued`: the job did not end here, and is to run elsewhere. */
  outcome: WorkerOutcome | 'requeued';
  /** Undefined: the job belongs to another service, which keeps its state, or nothing new is known of it. */
  record: JobRecord | undefined;
  /** Undefined: the job is done and is acknowledged. */
  failure: Failure | undefined;
  /** The lock to release when the job is over; undefined: the job is not unique. */
  lock: string | undefined;
  /** Further fields of its log line. */
  logged: Readonly<Record<string, unknown>>;
}

/** A job whose run has ended, and the fields of its record and log line. */
export interface Ran {
  job: FetchedJob;
  operation: OperationLabel;
  /** Further fields of its record. */
  about: Readonly<Record<string, unknown>>;
  logged: Readonly<Record<string, unknown>>;
}

/** For a job that is recorded once and acknowledged: it succeeded, or would fail in the same way every time. */
export function createEnd(
  { job, operation, about, logged }: Ran,
  outcome: WorkerOutcome,
  end: Pick<JobRecord, 'result' | 'error' | 'errtype'>,
): EndedRun {
  const record = ended(job, outcome, { operation, ...about, ...end });
  return {
    jid: job.jid,
    failEffect: failEffectOf(job),
    operation,
    outcome,
    record,
    failure: undefined,
    lock: lockOf(job),
    logged,
  };
}

/** For a job whose failure the broker gets, and which it retries. Between retries the job is pending, with its error. */
export function createFailedEnd({ job, operation, about, logged }: Ran, failure: Failure): EndedRun {
  const { jid } = job;
  const failEffect = failEffectOf(job);
  const told = { operation, ...about, error: failure.message, errtype: failure.errtype };
  const isLast = failEffect === 'dead' || failEffect === 'gone';
  const record: JobRecord = isLast
    ? ended(job, 'failed', told)
    : { job_id: jid, state: 'pending', ...told, attempts: attemptsOf(job) };
  return { jid, failEffect, operation, outcome: 'failed', record, failure, lock: lockOf(job), logged };
}

/** Faktory gets a FAIL and then a MUTATE that requeues the job: it has no other command. A job without a retry has failed. */
export function createRequeuedEnd(ran: Ran, reason: string): EndedRun {
  const end = createFailedEnd(ran, { errtype: 'GivenBack', message: reason, backtrace: [], give_back: true });
  return { ...end, outcome: 'requeued', record: end.failEffect === 'gone' ? end.record : undefined };
}

/** The end of a job that the embedded broker requeues at once. */
export const queuedAgain = (end: EndedRun): EndedRun => ({ ...end, failEffect: 'queued again', record: undefined });

function ended(job: FetchedJob, state: JobRecord['state'], about: Omit<JobRecord, 'job_id' | 'state'>): JobRecord {
  return { job_id: job.jid, state, ...about, attempts: attemptsOf(job), finished_at: new Date().toISOString() };
}

const textCharsMax = 200;

export function createUnknownEnd(job: FetchedJob): EndedRun {
  const message = `this worker does not run the jobtype ${job.jobtype.slice(0, textCharsMax)}`;
  const ran = { job, operation: 'other', about: {}, logged: {} };
  return { ...createFailedEnd(ran, { errtype: 'UnknownJobtype', message, backtrace: [] }), record: undefined };
}

/** For a job that is not run, because its `expires_at` is over. */
export function createExpiredEnd(job: FetchedJob, operation: OperationLabel, about: Ran['about']): EndedRun {
  const attempts = attemptsOf(job) - 1;
  const end = createEnd({ job, operation, about, logged: { attempts } }, 'expired', {});
  return { ...end, record: { ...(end.record as JobRecord), attempts } };
}

/** For a job that is not run, because its record is `cancelled`. */
export function createCancelledEnd(job: FetchedJob, operation: OperationLabel): EndedRun {
  return { ...createEnd({ job, operation, about: {}, logged: {} }, 'cancelled', {}), record: undefined };
}

/**
 * For a job that is not run: the result store does not answer, so it may be cancelled. A broker that takes jobs back gets it back.
 * Faktory gets a FAIL, and keeps the job if its `retry` allows a further attempt.
 */
export function createNotBegunEnd(job: FetchedJob, operation: OperationLabel, takesBack: boolean): EndedRun {
  const ran = { job, operation, about: {}, logged: {} };
  const message = 'the result store did not answer';
  if (takesBack) return createRequeuedEnd(ran, message);
  return { ...createFailedEnd(ran, { errtype: 'NotBegun', message, backtrace: [] }), record: undefined };
}

/** The end of a job that ran in the turn that fetched it. */
export function createInlineEnd(job: FetchedJob, operation: OperationLabel, inline: InlineEnd): EndedRun {
  const { result, error, thrown } = inline;
  const about = typeof job.at === 'string' ? { ...inline.about, at: job.at } : inline.about;
  if (thrown !== undefined) return createFailedEnd({ job, operation, about, logged: about }, failureOf(thrown));
  const ran = { job, operation, about, logged: { ...about, result } };
  return error === undefined ? createEnd(ran, 'succeeded', { result }) : createEnd(ran, 'failed', { error });
}

const backtraceLinesMax = 50;

function failureOf(thrown: unknown): Failure {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const backtrace = (error.stack ?? '').split('\n').slice(1, backtraceLinesMax + 1);
  return { errtype: error.name, message: error.message, backtrace: backtrace.map((line) => line.trim()) };
}
