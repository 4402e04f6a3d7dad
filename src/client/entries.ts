// Writes the JSON of the explicit form from what callers give.
import type { JobOptions } from './definitions.ts';
import { WorkFactoryError } from './error.ts';

export interface GivenJob {
  readonly operation: string;
  readonly args: unknown;
}

/**
 * Throws when the job cannot be written as JSON.
 *
 * @param key of the entry; the key of a request is a header
 */
export function writeEntry({ operation, args }: GivenJob, options: JobOptions, key?: string): string {
  const { requestId, queue, at, delaySeconds, retry, reserveFor, expiresAt, expiresInSeconds, custom } = options;
  const { uniqueFor, uniqueKey } = options;
  try {
    return JSON.stringify({
      operation,
      args,
      request_id: requestId,
      queue,
      at,
      delay_seconds: delaySeconds,
      retry,
      reserve_for: reserveFor,
      expires_at: expiresAt,
      expires_in_seconds: expiresInSeconds,
      custom,
      unique_for: uniqueFor,
      unique_key: uniqueKey,
      key,
    });
  } catch (cause) {
    const detail = `The job cannot be written as JSON: ${String(cause)}`;
    throw new WorkFactoryError({ outcome: 'not_enqueued', code: 'validation_failed', detail, cause });
  }
}

/** Without this check `fetch` would refuse the key with an error about headers. */
export function checkKey(key: string): string {
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
  const detail = 'key must be 1 to 255 visible ASCII characters';
  throw new WorkFactoryError({ outcome: 'not_enqueued', code: 'validation_failed', detail });
}
