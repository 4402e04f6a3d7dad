// One schedule of a type, and its ticks that are due.
import type { Schedule } from '../domain/cron.ts';
import type { JobType } from '../domain/job-type.ts';

export interface DueTick {
  readonly atMs: number;
  /** When the tick after this one is due. Infinity: never. */
  readonly untilMs: number;
}

export interface Line {
  readonly type: JobType;
  readonly schedule: Schedule;
  /** When the next tick is due. Infinity: never. */
  readonly nextMs: number;
  /** Makes the first tick after a time the next one. */
  reset(timeMs: number): void;
  /** Takes out the ticks that were due up to a time. Of missed ticks it takes the latest, if the schedule makes it up. */
  due(nowMs: number): DueTick[];
}

/**
 * A tick that is found at most this late is still enqueued: a busy process, or one whose clock was set, has not missed it. With a
 * tick each second these are 10 at once.
 */
export const lateMsMax = 10_000;

export function createLine(type: JobType, schedule: Schedule, nowMs: number): Line {
  const after = (timeMs: number): number => schedule.nextAfter(timeMs) ?? Infinity;
  let nextMs = after(nowMs);

  function skipMissed(untilMs: number): DueTick[] {
    nextMs = after(untilMs - lateMsMax - 1);
    const latestMs = schedule.catchUp ? schedule.latestUntil(untilMs) : undefined;
    return latestMs !== undefined && nextMs > untilMs ? [{ atMs: latestMs, untilMs: nextMs }] : [];
  }

  return {
    type,
    schedule,
    get nextMs() {
      return nextMs;
    },
    reset(timeMs) {
      nextMs = after(timeMs);
    },
    due(untilMs) {
      const ticks = nextMs < untilMs - lateMsMax ? skipMissed(untilMs) : [];
      while (nextMs <= untilMs) {
        const atMs = nextMs;
        nextMs = after(atMs);
        ticks.push({ atMs, untilMs: nextMs });
      }
      return ticks;
    },
  };
}
