// A clock that moves when it is told to. A jump is like a stalled process: timers that became due run once, late.
import type { Clock } from '../../src/domain/clock.ts';

interface ManualClock extends Clock {
  advance: (ms: number) => void;
  /** How many timers are set. */
  timers: () => number;
}

export function createManualClock(): ManualClock {
  let nowMs = 0;
  const timers = new Map<() => void, number>();
  return {
    now: () => nowMs,
    after(delayMs, fn) {
      const run = (): void => fn();
      timers.set(run, nowMs + delayMs);
      return { cancel: () => void timers.delete(run) };
    },
    soon: (fn) => void setImmediate(fn),
    advance(ms) {
      nowMs += ms;
      for (const [run, dueMs] of [...timers]) {
        if (dueMs > nowMs) continue;
        timers.delete(run);
        run();
      }
    },
    timers: () => timers.size,
  };
}
