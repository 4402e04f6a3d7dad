// A broker's queues and sets for operators: what they see, and what they can do. Implementations: for the broker in this process
// (src/roles), and for a broker behind FWP (src/faktory).

export const setNames = ['scheduled', 'retries', 'dead'] as const;
export type SetName = (typeof setNames)[number];

export interface QueueStatus {
  readonly name: string;
  /** How many jobs wait in the queue. */
  readonly depth: number;
  /** Age of the job at its head; 0 when it is empty. */
  readonly latencySeconds: number;
  /** Null: the broker does not say. */
  readonly isPaused: boolean | null;
}

/** A job of a set, as the broker keeps it. */
export interface SetJob {
  readonly jid: string;
  readonly jobtype: string;
  readonly queue: string;
  readonly args: unknown;
  /** When the broker queues the job. RFC 3339, UTC, like the other times. A dead job has none. */
  readonly at?: string | undefined;
  readonly failedAt?: string | undefined;
  readonly retryCount?: number | undefined;
  readonly errtype?: string | undefined;
  readonly error?: string | undefined;
}

export interface SetQuery {
  readonly set: SetName;
  /** The most jobs of the page. A page may have fewer although more follow. */
  readonly limit: number;
  /** The cursor of the page before. Undefined: the first page. */
  readonly cursor: string | undefined;
  /** Only jobs of this jobtype. */
  readonly jobtype: string | undefined;
}

export interface SetPage {
  /** Jobs in the whole set, of any jobtype. */
  readonly total: number;
  /** Sorted by their times. */
  readonly jobs: readonly SetJob[];
  /** Where the next page begins; undefined at the end. */
  readonly cursor: string | undefined;
}

export const setActions = ['retry', 'discard', 'kill'] as const;
/** `retry`: to the tail of its queue. `discard`: the job is deleted. `kill`: to the dead. */
export type SetAction = (typeof setActions)[number];

export interface SetChange {
  readonly set: SetName;
  readonly action: SetAction;
  /** Selects the jobs of exactly this jobtype. Undefined: the jobs with these jids. */
  readonly jobtype?: string | undefined;
  readonly jids?: readonly string[] | undefined;
}

export interface Operator {
  queues(): Promise<readonly QueueStatus[]>;
  /** Stops or resumes the delivery of a queue's jobs to workers. False: there is no such queue. */
  setPaused(queue: string, isPaused: boolean): Promise<boolean>;
  page(query: SetQuery): Promise<SetPage>;
  /**
   * Resolves when the change is stored, and when the results have the jobs that will not run any more. The number of jobs is
   * undefined where the broker does not say it. After `unknown` a part of the jobs may be changed, or more may follow.
   */
  change(change: SetChange): Promise<number | undefined>;
  close(): Promise<void>;
}

/**
 * - `not_supported`: this broker cannot do it, or not from here; the message is a sentence for the operator.
 * - `away`: the broker was not asked, or has certainly done nothing.
 * - `unknown`: it was asked, and gave no clear reply.
 * - `bad_cursor`: the cursor is of no page.
 */
export type OperatorErrorReason = 'not_supported' | 'away' | 'unknown' | 'bad_cursor';

export class OperatorError extends Error {
  readonly reason: OperatorErrorReason;
  /** With `not_supported`: the broker's own page that can do it. */
  readonly page: string | undefined;

  constructor(reason: OperatorErrorReason, message: string, { page, cause }: { page?: string; cause?: unknown } = {}) {
    super(message, { cause });
    this.reason = reason;
    this.page = page;
  }
}
