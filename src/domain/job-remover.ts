// Removes jobs that no worker has fetched from a broker.

export interface JobRemover {
  /** True: the broker searches its queues, too, and says whether it found the job. Faktory does neither. */
  readonly tells: boolean;
  /**
   * Removes the job from the broker before it starts. Resolves to true when the broker had it, and to false when it had not or
   * does not say. Rejects with a RemovalError.
   */
  remove(jid: string): Promise<boolean>;
  close(): Promise<void>;
}

/** `unknown`: the broker was asked, and the job may be removed. `away`: it was not asked. */
export class RemovalError extends Error {
  readonly outcome: 'away' | 'unknown';

  constructor(outcome: RemovalError['outcome'], cause?: unknown) {
    super(outcome === 'away' ? 'The broker is away' : 'The broker gave no clear reply', { cause });
    this.outcome = outcome;
  }
}
