// Counts of a worker's work.

export interface WorkerStats {
  /** FETCHes without a reply. */
  fetching: number;
  /** Jobs in handler processes. */
  running: number;
  /** Jobs that ran and are not stored yet. */
  storing: number;
  /** ACKs and FAILs without a reply. */
  reporting: number;
  /** Runs since the start. */
  succeeded: number;
  failed: number;
}
