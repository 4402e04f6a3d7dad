// Time that moves only when a test says so: the one fake clock, for what takes a `Clock` and for the broker.
import type { BrokerClock } from '../../src/broker/clock.ts';
import type { Clock, Timer } from '../../src/domain/clock.ts';

export interface FakeClock extends Clock, BrokerClock {
  /** Cancels as the timer of a `Clock`, and as that of a `BrokerClock`. */
  after(delayMs: number, fn: () => void): Timer & (() => void);
  /** Timers that have not fired and were not cancelled. */
  readonly pendingTimers: number;
  /** Runs what `soon` was given, and what that gives in turn. */
  turn(): void;
  /** Moves on, running timers in their order, each in a turn of its own. */
  advance(ms: number): void;
  /** As a process that stood still: timers that became due run once, late. */
  jump(ms: number): void;
}

/**
 * @param runSoon by default only `turn` and `advance` run what `soon` is given; `setImmediate` is for tests in which real
 *   sockets have their turns
 */
export function createFakeClock(startMs = 1000, runSoon?: (fn: () => void) => void): FakeClock {
  let nowMs = startMs;
  let soon: (() => void)[] = [];
  const timers = new Set<{ atMs: number; fn: () => void }>();

  function turn(): void {
    for (let rounds = 0; soon.length > 0; rounds++) {
      if (rounds > 1000) throw new Error('the code spins');
      const batch = soon;
      soon = [];
      for (const fn of batch) fn();
    }
  }

  return {
    now: () => nowMs,
    nowMs: () => nowMs,
    after(delayMs, fn) {
      const timer = { atMs: nowMs + delayMs, fn };
      timers.add(timer);
      const cancel = (): void => void timers.delete(timer);
      return Object.assign(cancel, { cancel });
    },
    soon: runSoon ?? ((fn) => void soon.push(fn)),
    get pendingTimers() {
      return timers.size;
    },
    turn,
    advance(ms) {
      const endMs = nowMs + ms;
      turn();
      for (let fired = 0; ; fired++) {
        if (fired > 100_000) throw new Error('the code spins');
        let next: { atMs: number; fn: () => void } | undefined;
        for (const timer of timers) if (timer.atMs <= endMs && (!next || timer.atMs < next.atMs)) next = timer;
        if (!next) break;
        timers.delete(next);
        nowMs = Math.max(nowMs, next.atMs);
        next.fn();
        turn();
      }
      nowMs = endMs;
    },
    jump(ms) {
      nowMs += ms;
      for (const timer of [...timers]) {
        if (timer.atMs > nowMs) continue;
        timers.delete(timer);
        timer.fn();
      }
    },
  };
}

/** For tests with real sockets, which have their turns meanwhile. Its `advance` is a `jump`. */
export function createStallingClock(): FakeClock {
  const clock = createFakeClock(0, (fn) => void setImmediate(fn));
  return Object.assign(clock, { advance: clock.jump });
}
