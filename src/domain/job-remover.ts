// The way to a broker's jobs that no worker has fetched.

export interface JobRemover {
  /** The broker looks into its queues, too, and tells whether it found the job. Faktory does neither. */
  readonly tells: boolean;
  /**
   * Takes the job out of the broker before it starts. Resolves to true when it was there, and to false when it was not, or
   * when the broker does not tell. Rejects with an AppError: the broker is away, or the outcome is unknown.
   */
  remove(jid: string): Promise<boolean>;
  close(): Promise<void>;
}
