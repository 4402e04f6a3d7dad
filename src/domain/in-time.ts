// Limits the wait for work that cannot be stopped.
import type { Clock } from './clock.ts';

/** Settles like `waited`, or rejects with `lateError()` when the time is over. The work goes on in any case. */
export function inTime<Value>(
  waited: Promise<Value>,
  { clock, timeoutMs, lateError }: { clock: Clock; timeoutMs: number; lateError: () => Error },
): Promise<Value> {
  let onLate: (error: Error) => void;
  const late = new Promise<never>((_, reject) => (onLate = reject));
  const timer = clock.after(timeoutMs, () => onLate(lateError()));
  return Promise.race([waited, late]).finally(() => timer.cancel());
}
