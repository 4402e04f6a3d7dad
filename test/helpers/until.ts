// Waits for a change that no event announces, by looking again and again.
import { setTimeout as delay } from 'node:timers/promises';

/** A machine at a tenth of the usual speed needs less. A test file may take eight times as long. */
const withinMs = 30_000;
const everyMs = 5;

/**
 * Resolves as soon as `holds` does.
 * @param what names the change in the error of a test that waits in vain
 * @param holds moves a fake clock as well, where only that makes it hold
 */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`not within ${withinMs / 1000} s: ${what}`);
    await delay(everyMs);
  }
}

/** For a change that shows only when an attempt no longer rejects. */
export const succeeds = (attempt: () => Promise<unknown>): Promise<boolean> =>
  attempt().then(
    () => true,
    () => false,
  );
