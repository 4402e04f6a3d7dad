// The deadlines of pending pushes. Only the oldest push is looked at, so a later push must not have an earlier deadline.
import type { Clock, Timer } from '../domain/clock.ts';
import { refused, unknown, type Outcome } from '../domain/producer.ts';
import type { FramePump } from './frame-pump.ts';
import type { PendingPush } from './frame-queue.ts';
import type { Unsettled } from './unsettled.ts';

export interface SweepOptions {
  clock: Clock;
  unsettled: Unsettled;
  pump: Pick<FramePump, 'waiting' | 'load'>;
  /** How long a job may wait for a slot. */
  acquireTimeoutMs: number;
}

export interface Sweep {
  /** To be called with each push. */
  arm(): void;
  close(): void;
}

/** A caller is told at most this long after its deadline; the contract allows 250 ms. */
const sweepMs = 100;

/** A broker that is well replies sooner, also one whose disk is slow. */
const silenceMsMin = 2000;

/** Refuses pushes that have waited too long for a slot, and tells every caller whose deadline has come. */
export function createSweep({ clock, unsettled, pump, acquireTimeoutMs }: SweepOptions): Sweep {
  let timer: Timer | undefined;

  const arm = (): void => void (timer ??= clock.after(sweepMs, sweep));

  function sweep(): void {
    timer = undefined;
    const now = clock.now();
    const isLate = ({ pushedMs, deadlineMs }: PendingPush): boolean =>
      pushedMs + acquireTimeoutMs <= now || deadlineMs <= now;
    for (const pending of pump.waiting.takeWhile(isLate)) unsettled.settleAll(pending, noRoom(pump.load.silentMs));
    for (let pending; (pending = unsettled.first) && pending.deadlineMs <= now;) {
      // It no longer waits, so it was written. The connection is left alone: its other frames must not become unknown.
      unsettled.settleAll(pending, unknown('no reply from the broker in time'));
    }
    if (unsettled.first) arm();
  }

  return { arm, close: () => timer?.cancel() };
}

/** Frames in flight are why there is no room: when the broker replies to none of them, that is the reason to name. */
const noRoom = (silentMs: number): Outcome =>
  refused(
    'broker_unavailable',
    silentMs < silenceMsMin
      ? 'no connection to the broker had room in time'
      : `the broker has not replied for ${Math.floor(silentMs / 1000)} s`,
  );
