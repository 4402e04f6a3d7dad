// The middle of the house: everything between HTTP and the broker is a JobProducer around a JobProducer.
import type { Job } from './job.ts';

/**
 * What became of one job. Outcomes are values, not exceptions.
 *
 * - `enqueued`: the broker gave its positive reply for this very job.
 * - `refused`: the job was certainly not stored and will never run.
 * - `unknown`: the job was written, and no clear answer came. It is never pushed again by us.
 */
export type Fate =
  | { readonly outcome: 'enqueued' }
  | { readonly outcome: 'refused'; readonly code: RefusalCode; readonly detail: string }
  | { readonly outcome: 'unknown'; readonly code: 'outcome_unknown'; readonly detail: string };

/**
 * - `broker_refused`: the broker's own clear refusal of this job.
 * - `broker_unavailable`: no live connection, or none with room in time.
 * - `overloaded`: our own bound on waiting and in-flight work.
 * - `shutting_down`: this process no longer accepts work.
 */
export type RefusalCode = 'broker_refused' | 'broker_unavailable' | 'overloaded' | 'shutting_down';

export const enqueued: Fate = Object.freeze({ outcome: 'enqueued' });
export const refused = (code: RefusalCode, detail: string): Fate => ({ outcome: 'refused', code, detail });
export const unknown = (detail: string): Fate => ({ outcome: 'unknown', code: 'outcome_unknown', detail });

export interface JobProducer {
  /**
   * Resolves with the job's fate at `deadlineMs` (monotonic, of the injected clock) at the latest, within 250 ms.
   * Never rejects.
   */
  push(job: Job, deadlineMs: number): Promise<Fate>;
  /** The same for many jobs with distinct jids: one fate per job, in input order. Not atomic. Never rejects. */
  pushBulk(jobs: readonly Job[], deadlineMs: number): Promise<Fate[]>;
  /** Rejects, with the reason, unless the broker answers a command that reaches its store. */
  ping(): Promise<void>;
  /** Answers what is in flight, refuses what still waits, then closes. Resolves even when the broker is gone. */
  close(): Promise<void>;
}
