// A clock of the broker that only the test moves.
import type { BrokerClock } from '../../src/broker/clock.ts';

export interface FakeClock extends BrokerClock {
  /** Moves the time on and runs what is due, in order. */
  advance(ms: number): void;
}

export function createFakeClock(startMs = Date.UTC(2030, 0, 1)): FakeClock {
  let nowMs = startMs;
  let timers: { dueMs: number; fn: () => void }[] = [];

  return {
    nowMs: () => nowMs,
    after(delayMs, fn) {
      const timer = { dueMs: nowMs + delayMs, fn };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    advance(ms) {
      const endMs = nowMs + ms;
      for (;;) {
        const next = timers.filter((timer) => timer.dueMs <= endMs).sort((one, other) => one.dueMs - other.dueMs)[0];
        if (!next) break;
        timers = timers.filter((timer) => timer !== next);
        nowMs = Math.max(nowMs, next.dueMs);
        next.fn();
      }
      nowMs = endMs;
    },
  };
}
