// The pause before the next attempt: it doubles with each failure.

export interface Backoff {
  minMs: number;
  maxMs: number;
}

/** @param failures the number of failures in a row, from 1 */
export const backoffMs = (failures: number, { minMs, maxMs }: Backoff): number =>
  Math.min(minMs * 2 ** Math.max(0, failures - 1), maxMs);
