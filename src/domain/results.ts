// What is known of a job after it was enqueued, and the store that remembers it.

export interface JobRecord {
  job_id: string;
  state: 'pending' | 'succeeded' | 'failed';
  operation?: string;
  request_id?: string | null;
  /** Any JSON value. */
  result?: unknown;
  error?: string;
  attempts?: number;
  /** RFC 3339, UTC. */
  finished_at?: string;
  /** What the type of the job adds: of the arithmetic, its operands. */
  [field: string]: unknown;
}

/** Implementations: embedded (its own database under DATA_DIR) and Redis. */
export interface ResultStore {
  /** Undefined when the id is not known here. Rejects when the store does not answer. */
  get(jid: string): Promise<JobRecord | undefined>;
  /**
   * Resolves with the ended job's record, or with the present one when `timeoutMs` is over, `signal` fires, or the job
   * is unknown until then. Waiters are woken, not polled.
   */
  wait(jid: string, timeoutMs: number, signal?: AbortSignal): Promise<JobRecord | undefined>;
  /** Resolves when the records are as durable as the store can make them. An ended state is never overwritten by `pending`. */
  put(records: readonly JobRecord[]): Promise<void>;
  /**
   * Called as a frame is written. Returns at once and never throws: the ids are kept in this process until the store has
   * them, in one command per frame.
   */
  remember(jids: readonly string[]): void;
  close(): Promise<void>;
}
