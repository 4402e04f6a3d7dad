// The only error class of the client: what is known of the job when it is not certainly enqueued.

/** `not_enqueued`: the job will never run. `unknown`: it may be stored. Undefined: the request enqueues nothing. */
export type FailureOutcome = 'not_enqueued' | 'unknown' | undefined;

export interface Failure {
  readonly outcome: FailureOutcome;
  /**
   * The service's own (/docs/errors lists them), or one of the client: `not_connected`, `connection_lost`, `no_response`,
   * `unexpected_response`, `aborted`. A job that the client itself refuses has the service's `validation_failed`.
   */
  readonly code: string;
  /** One sentence. */
  readonly detail: string;
  /** HTTP status of the last response; undefined when there was none. */
  readonly status?: number | undefined;
  /** Ids of jobs that may be stored, as far as the service told them. */
  readonly jobIds?: readonly string[];
  /** The pause that the service asks for before the next attempt. */
  readonly retryAfterMs?: number | undefined;
  /** The service's response, with all its fields. */
  readonly problem?: Readonly<Record<string, unknown>> | undefined;
  /** Requests that were sent. */
  readonly attempts?: number;
  readonly cause?: unknown;
}

export class WorkFactoryError extends Error implements Failure {
  override readonly name = 'WorkFactoryError';
  readonly outcome: FailureOutcome;
  readonly code: string;
  readonly detail: string;
  readonly status: number | undefined;
  readonly jobIds: readonly string[];
  readonly retryAfterMs: number | undefined;
  readonly problem: Readonly<Record<string, unknown>> | undefined;
  readonly attempts: number;

  constructor({ outcome, code, detail, status, jobIds = [], retryAfterMs, problem, attempts = 0, cause }: Failure) {
    super(`${code}: ${detail}`, { cause });
    this.outcome = outcome;
    this.code = code;
    this.detail = detail;
    this.status = status;
    this.jobIds = jobIds;
    this.retryAfterMs = retryAfterMs;
    this.problem = problem;
    this.attempts = attempts;
  }
}
