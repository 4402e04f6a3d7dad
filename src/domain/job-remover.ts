// The way to a broker's jobs that no worker has fetched.

export interface JobRemover {
  /** The broker looks into its queues, too, and tells whether it found the job. Faktory does neither. */
  readonly tells: boolean;
  /**
   * Takes the job out of the broker before it starts. Resolves to true when it was there, and to false when it was not, or
   * when the broker does not tell. Rejects with a RemovalError.
   */
  remove(jid: string): Promise<boolean>;
  close(): Promise<void>;
}

/** Why the outcome of a removal is not known. `unknown`: the broker was asked, and the job may be removed; `away`: it was not asked. */
export class RemovalError extends Error {
  readonly outcome: 'away' | 'unknown';

  constructor(outcome: RemovalError['outcome'], cause?: unknown) {
    super(outcome === 'away' ? 'The broker is away' : 'The broker gave no clear reply', { cause });
    this.outcome = outcome;
  }
}
