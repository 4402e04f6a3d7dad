// A limit on the wait for what cannot be stopped.
import type { Clock } from './clock.ts';

/** As `waited`, which goes on in any case; rejects with `lateError()` when it has not settled in time. */
export function inTime<Value>(
  waited: Promise<Value>,
  { clock, timeoutMs, lateError }: { clock: Clock; timeoutMs: number; lateError: () => Error },
): Promise<Value> {
  let onLate: (error: Error) => void;
  const late = new Promise<never>((_, reject) => (onLate = reject));
  const timer = clock.after(timeoutMs, () => onLate(lateError()));
  return Promise.race([waited, late]).finally(() => timer.cancel());
}
