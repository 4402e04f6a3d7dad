// Hours in a moment: time moves from timer to timer, and waits until what a timer began has ended.
import type { WallClock } from '../../src/domain/clock.ts';

export interface VirtualTime {
  /** The clock of one process, which is ahead of the others by so much. */
  clock(aheadMs?: number): WallClock;
  /** The wall clock of a process that is right. */
  nowMs(): number;
  /** Work of others that must end before time goes on. */
  track<Value>(work: Promise<Value>): Promise<Value>;
  advance(ms: number): Promise<void>;
  /** All wall clocks are set. */
  set(byMs: number): void;
  /** The machine slept: timers stood still. */
  sleep(ms: number): void;
}

/** Turns of the event loop without work after which there is none. */
const quietTurns = 2;

export function createVirtualTime(startMs: number): VirtualTime {
  let monotonicMs = 0;
  let wallMs = startMs;
  let working = 0;
  const timers = new Set<{ atMs: number; fn: () => void }>();

  async function track<Value>(work: Promise<Value>): Promise<Value> {
    working++;
    return work.finally(() => working--);
  }

  const quiet = (): Promise<void> =>
    new Promise((resolve) => {
      let turns = 0;
      function turn(): void {
        turns = working === 0 ? turns + 1 : 0;
        if (turns === quietTurns) resolve();
        else setImmediate(turn);
      }
      setImmediate(turn);
    });

  function soon(fn: () => void): void {
    working++;
    setImmediate(() => {
      working--;
      fn();
    });
  }

  function move(toMs: number): void {
    wallMs += toMs - monotonicMs;
    monotonicMs = toMs;
  }

  return {
    clock: (aheadMs = 0) => ({
      now: () => monotonicMs,
      wallMs: () => wallMs + aheadMs,
      after(delayMs, fn) {
        const timer = { atMs: monotonicMs + delayMs, fn };
        timers.add(timer);
        return { cancel: () => void timers.delete(timer) };
      },
      soon,
    }),
    nowMs: () => wallMs,
    track,
    async advance(ms) {
      const endMs = monotonicMs + ms;
      await quiet();
      for (;;) {
        let next: { atMs: number; fn: () => void } | undefined;
        for (const timer of timers) if (timer.atMs <= endMs && (!next || timer.atMs < next.atMs)) next = timer;
        if (!next) break;
        timers.delete(next);
        move(Math.max(monotonicMs, next.atMs));
        next.fn();
        await quiet();
      }
      move(endMs);
    },
    set: (byMs) => void (wallMs += byMs),
    sleep: (ms) => void (wallMs += ms),
  };
}
