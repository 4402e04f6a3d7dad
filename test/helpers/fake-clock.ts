// Time that moves only when a test says so.
import type { Clock } from '../../src/domain/clock.ts';

export interface FakeClock extends Clock {
  /** Timers that have not fired and were not cancelled. */
  readonly pendingTimers: number;
  /** Runs what `soon` was given, and what that gives in turn. */
  turn(): void;
  /** Moves on, running timers in their order, each in a turn of its own. */
  advance(ms: number): void;
}

export function createFakeClock(startMs = 1000): FakeClock {
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
    after(delayMs, fn) {
      const timer = { atMs: nowMs + delayMs, fn };
      timers.add(timer);
      return { cancel: () => timers.delete(timer) };
    },
    soon: (fn) => void soon.push(fn),
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
  };
}
