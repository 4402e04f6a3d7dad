// The record of a job, and the store of records.

/**
 * - `scheduled`: the broker holds the job until `at`.
 * - `pending`: the job is enqueued, runs, or waits for its next attempt.
 * - `expired`: the job was not started in time, and will not run.
 */
export const jobStates = ['scheduled', 'pending', 'succeeded', 'failed', 'expired', 'cancelled'] as const;
export type JobState = (typeof jobStates)[number];

/** Times are RFC 3339, UTC. */
export interface JobRecord {
  job_id: string;
  state: JobState;
  operation?: string;
  request_id?: string | null;
  /** When a scheduled job is to be queued. */
  at?: string;
  /** Any JSON value. */
  result?: unknown;
  error?: string;
  /** The kind of error, for example the name of the error that `run` threw. */
  errtype?: string;
  attempts?: number;
  progress?: JobProgress;
  enqueued_at?: string;
  started_at?: string;
  finished_at?: string;
  /** False: another program's worker runs the job, and this service does not learn how it ends. */
  tracked?: boolean;
  /** Fields of the job's type, for example the operands of the arithmetic. */
  [field: string]: unknown;
}

export interface JobProgress {
  /** 0 to 100. */
  percent: number;
  note?: string;
}

/** True when nothing more will happen to the job. */
export const isEnded = (record: JobRecord | undefined): boolean =>
  record !== undefined && record.state !== 'pending' && record.state !== 'scheduled';

/** True while no worker has the job and the broker holds it until a time: before its first attempt, or between two. */
export const isWaiting = (record: JobRecord | undefined): boolean =>
  record?.state === 'scheduled' || (record?.state === 'pending' && record.error !== undefined);

/** The record at the given time: a scheduled job becomes pending at its time, when the broker queues it. */
export function presentOf(record: JobRecord, nowMs: number): JobRecord {
  const isDue = record.state === 'scheduled' && Date.parse(record.at ?? '') <= nowMs;
  return isDue ? { ...record, state: 'pending' } : record;
}

/** A job of a frame. Without a record only its id is known. */
export interface KnownJob {
  readonly jid: string;
  readonly record: JobRecord | undefined;
}

/** Implementations: embedded (its own database under DATA_DIR) and Redis. */
export interface ResultStore {
  /** Undefined when the id is not known here. Rejects when the store does not answer. */
  get(jid: string): Promise<JobRecord | undefined>;
  /**
   * Resolves with the ended job's record. Resolves with the present record when `timeoutMs` is over, `signal` fires, or the job
   * is not known. Waiters are woken, not polled.
   */
  wait(jid: string, timeoutMs: number, signal?: AbortSignal): Promise<JobRecord | undefined>;
  /**
   * Resolves when the records are as durable as the store can make them. A record of a job that has not ended, for example a late
   * progress, never overwrites the record of an end. Only an end wakes waiters.
   */
  put(records: readonly JobRecord[]): Promise<void>;
  /** Stores the record of a cancelled job if the job still waits (`isWaiting`). False: it does not wait, and nothing is changed. */
  cancel(record: JobRecord): Promise<boolean>;
  /** Rejects when `put` would. For the worker, a store that reads but does not write is away. */
  check(): Promise<void>;
  /**
   * Called as a frame is written. Returns at once and never throws: ids and records are kept in this process until the store
   * has them, in one command per frame for the ids and one for the records. They replace nothing that the store knows.
   */
  remember(jobs: readonly KnownJob[]): void;
  close(): Promise<void>;
}
