// The interfaces through which HTTP pushes jobs (JobProducer) and frames leave for a broker (FrameSender), and the outcome of a job.
import type { Job } from './job.ts';

/**
 * The outcome of one job. Outcomes are values, not exceptions.
 *
 * - `enqueued`: the broker gave its positive reply for this very job.
 * - `refused`: the job was certainly not stored and will never run.
 * - `unknown`: whether this job, or the job that stands in for it, is stored is not known. This service never pushes it again.
 */
export type Outcome =
  /** `standIn`: a unique job was not pushed, because this other one has not ended. */
  | { readonly kind: 'enqueued'; readonly standIn?: string }
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly detail: string }
  | {
      readonly kind: 'unknown';
      readonly code: 'outcome_unknown' | 'in_progress';
      readonly detail: string;
      /** A unique job was not pushed, because this other one is on its way, or may be stored. */
      readonly standIn?: string;
    };

/**
 * - `broker_refused`: the broker's own clear refusal of this job.
 * - `broker_unavailable`: no live connection, or none with room in time.
 * - `overloaded`: our own limit of waiting and in-flight work.
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
  /**
   * Resolves with the job's outcome at `deadlineMs` (monotonic, of the injected clock) at the latest, within 250 ms.
   * Never rejects.
   */
  push(job: Job, deadlineMs: number): Promise<Outcome>;
  /** The same for many jobs with distinct jids: one outcome per job, in input order. Not atomic. Never rejects. */
  pushBulk(jobs: readonly Job[], deadlineMs: number): Promise<Outcome[]>;
  /** Rejects, with the reason, unless the broker replies to a command that reaches its store. */
  ping(): Promise<void>;
  /** Refuses new jobs, settles the others, then closes. Resolves even when the broker is gone. */
  close(): Promise<void>;
}

/** What the path to the broker, and its way to store, can take. */
export interface Capacity {
  /**
   * Frames in flight that keep the path busy without making frames small: more with a longer round trip. A frame that is
   * not full is better kept back, to grow, once there are this many.
   */
  readonly inFlightTarget: number;
  /**
   * Connections whose frames the broker stores side by side, the jobs of a frame one after another; 1 when it stores
   * everything together, or is so far away that spreading saves nothing.
   */
  readonly lanes: number;
  /** Each job waits for a sync of the broker's disk, which those of several lanes share. */
  readonly syncsEachJob: boolean;
}

/**
 * Sends frames (one PUSHB each) over many connections at once. A slot is room for one frame on a connection whose last
 * write the kernel has taken.
 */
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
