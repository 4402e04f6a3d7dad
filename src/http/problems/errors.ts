// The table of all error codes: their meaning and their HTTP status.

interface ErrorRow {
  status: number;
  title: string;
  /** Seconds for the Retry-After header; absent where a retry is not safe or not useful. */
  retryAfterSeconds?: number;
}

export const errorTable = {
  malformed_json: { status: 400, title: 'The body is not JSON' },
  bad_request: { status: 400, title: 'The request is not valid HTTP for this service' },
  validation_failed: { status: 422, title: 'The request is not valid' },
  unknown_jobtype: { status: 422, title: 'The jobtype is neither declared nor passed through' },
  key_reused: { status: 422, title: 'The key was sent before, with another body' },
  unauthorized: { status: 401, title: 'A valid API key is required' },
  cross_origin: { status: 403, title: 'The request comes from a page of another origin' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  in_progress: { status: 409, title: 'A request with this key is under way', retryAfterSeconds: 1 },
  backup_exists: { status: 409, title: 'There is a backup of this name' },
  backup_under_way: { status: 409, title: 'Another backup is being made' },
  not_cancellable: { status: 409, title: 'The job cannot be cancelled' },
  request_timeout: { status: 408, title: 'The request was sent too slowly' },
  body_too_large: { status: 413, title: 'The body is too large' },
  too_many_jobs: { status: 413, title: 'The batch has too many jobs' },
  line_too_long: { status: 413, title: 'A line of the stream is too long' },
  misdirected_request: { status: 421, title: 'The Host is not one of this service' },
  expectation_failed: { status: 417, title: 'The expectation cannot be met' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type or encoding' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  keys_not_kept: { status: 501, title: 'No store of keys is configured' },
  not_supported: { status: 501, title: 'The broker cannot do this' },
  results_not_kept: { status: 501, title: 'No result store is configured' },
  broker_unavailable: { status: 503, title: 'The broker is not available', retryAfterSeconds: 1 },
  keys_unavailable: { status: 503, title: 'The store of keys is not available', retryAfterSeconds: 1 },
  results_unavailable: { status: 503, title: 'The result store is not available', retryAfterSeconds: 1 },
  overloaded: { status: 503, title: 'The service is overloaded', retryAfterSeconds: 1 },
  shutting_down: { status: 503, title: 'The service is shutting down', retryAfterSeconds: 1 },
  outcome_unknown: { status: 504, title: 'The outcome is unknown' },
  backup_failed: { status: 500, title: 'The backup was not made' },
  internal: { status: 500, title: 'Internal error' },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;

/** An expected failure. Anything else that is thrown is a bug, and its response is `internal`. */
export class AppError extends Error {
  readonly code: ErrorCode;
  /** Further fields of the response, for example `limit_bytes`. */
  readonly fields: Readonly<Record<string, unknown>>;

  /** @param detail is sent to the caller, so it holds no secret and no text of a dependency */
  constructor(code: ErrorCode, detail: string, fields: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(detail, { cause });
    this.code = code;
    this.fields = fields;
  }
}
