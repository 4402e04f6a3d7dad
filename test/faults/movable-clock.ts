// The clock of an embedded broker, which a test moves on: orphans of a killed worker come back after minutes.
import type { BrokerClock } from '../../src/broker/clock.ts';

/** The system's clock, and as much more as a test says. */
export function createMovableClock(): BrokerClock & { advance(ms: number): void } {
  const timers = new Map<NodeJS.Timeout, { dueMs: number; fn: () => void }>();
  let aheadMs = 0;
  const nowMs = (): number => Date.now() + aheadMs;
  function fire(timeout: NodeJS.Timeout): void {
    const timer = timers.get(timeout);
    clearTimeout(timeout);
    timers.delete(timeout);
    timer?.fn();
  }
  return {
    nowMs,
    after(delayMs, fn) {
      const timeout = setTimeout(() => fire(timeout), delayMs).unref();
      timers.set(timeout, { dueMs: nowMs() + delayMs, fn });
      return () => {
        clearTimeout(timeout);
        timers.delete(timeout);
      };
    },
    advance(ms) {
      aheadMs += ms;
      for (const [timeout, { dueMs }] of [...timers]) if (dueMs <= nowMs()) fire(timeout);
    },
  };
}
