// The interfaces through which HTTP pushes jobs (JobProducer) and frames leave for a broker (FrameSender), and the outcome of a job.
import type { Job } from './job.ts';

/**
 * The outcome of one job. Outcomes are values, not exceptions.
 *
 * - `enqueued`: the broker gave its positive reply for this very job.
 * - `refused`: the job was certainly not stored and will never run.
 * - `unknown`: it is not known whether this job, or the job that stands in for it, is stored. This service never pushes it again.
 */
export type Outcome =
  /** `standIn`: a unique job was not pushed, because the other job with this id has not ended. */
  | { readonly kind: 'enqueued'; readonly standIn?: string }
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly detail: string }
  | {
      readonly kind: 'unknown';
      readonly code: 'outcome_unknown' | 'in_progress';
      readonly detail: string;
      /** A unique job was not pushed, because the other job with this id is on its way, or may be stored. */
      readonly standIn?: string;
    };

/**
 * - `broker_refused`: the broker itself clearly refused this job.
 * - `broker_unavailable`: there was no live connection, or none with room in time.
 * - `overloaded`: this process has reached its limit of waiting and in-flight jobs.
 * - `shutting_down`: this process no longer accepts work.
 */
export type RefusalCode = 'broker_refused' | 'broker_unavailable' | 'overloaded' | 'shutting_down';

export const enqueued: Extract<Outcome, { kind: 'enqueued' }> = Object.freeze({ kind: 'enqueued' });
export const refused = (code: RefusalCode, detail: string): Outcome => ({ kind: 'refused', code, detail });
export const unknown = (detail: string): Extract<Outcome, { kind: 'unknown' }> => ({
  kind: 'unknown',
  code: 'outcome_unknown',
  detail,
});

/** `ok`: the reply names no error. `refused`: it names an error of at least one job, which may then be unknown. `lost`: there was no reply. */
export type FrameOutcome = 'ok' | 'refused' | 'lost';

export interface JobProducer {
  /** Resolves with the job's outcome within 250 ms after `deadlineMs` (monotonic, of the injected clock). Never rejects. */
  push(job: Job, deadlineMs: number): Promise<Outcome>;
  /** Pushes many jobs with distinct jids. There is one outcome per job, in input order. Not atomic. Never rejects. */
  pushBulk(jobs: readonly Job[], deadlineMs: number): Promise<Outcome[]>;
  /** Rejects, with the reason, unless the broker replies to a command that reaches its store. */
  ping(): Promise<void>;
  /** Refuses new jobs, settles the others, then closes. Resolves even when the broker is gone. */
  close(): Promise<void>;
}

/** What the path to the broker, and the broker's store, can take. */
export interface Capacity {
  /**
   * How many frames in flight keep the path busy without making frames small: a longer round trip needs more. When there are this
   * many, a frame that is not full should wait and grow.
   */
  readonly inFlightTarget: number;
  /**
   * How many connections store their frames side by side, while the jobs of one frame are stored one after another. 1: the broker
   * stores everything together, or is so far away that spreading saves nothing.
   */
  readonly lanes: number;
  /** True: each job waits for a sync of the broker's disk, which jobs of several lanes share. */
  readonly syncsEachJob: boolean;
}

/** Sends frames (one PUSHB each) over many connections. A slot is room for a frame on a connection whose last write has left. */
export interface FrameSender {
  /** Frames that could leave now. */
  readonly slots: number;
  /** Frames without a reply. */
  readonly inFlight: number;
  readonly capacity: Capacity;
  /** Why nothing can be sent for now; undefined while the broker is there or was not asked yet. */
  readonly downReason: Error | undefined;
  /**
   * Only while `slots` is above 0. Calls `settle` once, with one outcome per job in input order.
   *
   * @param jobs with distinct jids: the reply is keyed by them
   */
  send(jobs: readonly Job[], settle: (outcomes: readonly Outcome[]) => void): void;
  ping(): Promise<void>;
  close(): Promise<void>;
}
