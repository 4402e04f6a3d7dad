// The pending pushes whose outcomes are not known, and their deadlines. Relies on deadlines that come in the order of the pushes.
import { createChain } from '../domain/chain.ts';
import type { Clock, Timer } from '../domain/clock.ts';
import { refused, unknown, type Outcome } from '../domain/producer.ts';
import type { FrameQueue, PendingPush } from './frame-queue.ts';

export interface Unsettled {
  /** The oldest. */
  readonly first: PendingPush | undefined;
  add(pending: PendingPush): void;
  /** Tells the caller; does nothing when the push is settled already. See PendingPush for the parameters. */
  settle(pending: PendingPush, outcomes: readonly Outcome[], start: number): void;
  /** The same with one outcome for all its jobs. */
  settleAll(pending: PendingPush, outcome: Outcome): void;
  /** Resolves when all are settled. No push may be added after the call. */
  end(): Promise<void>;
}

export function createUnsettled(): Unsettled {
  // In the order of the pushes. A settled push leaves the list at once: a million settled pushes may be behind one that hangs.
  const pushes = createChain<PendingPush>();
  let ended: Promise<void> | undefined;
  let onEmpty: () => void = () => undefined;

  function settle(pending: PendingPush, outcomes: readonly Outcome[], start: number): void {
    if (!pushes.delete(pending)) return;
    pending.settle(outcomes, start);
    if (pushes.first === undefined) onEmpty();
  }

  return {
    get first() {
      return pushes.first;
    },
    add: pushes.add,
    settle,
    settleAll: (pending, outcome) =>
      settle(
        pending,
        pending.jobs.map(() => outcome),
        0,
      ),
    async end() {
      ended ??= new Promise((resolve) => (onEmpty = resolve));
      if (pushes.first) await ended;
    },
  };
}

export interface SweepOptions {
  clock: Clock;
  unsettled: Unsettled;
  waiting: Pick<FrameQueue, 'takeWhile'>;
  /** How long a job may wait for a slot. */
  acquireTimeoutMs: number;
}

export interface Sweep {
  /** To be called with each push. */
  arm(): void;
  close(): void;
}

/** Deadlines are kept to this; the contract allows 250 ms. */
const sweepMs = 100;

/** Ends what has waited too long for a slot, and tells every caller whose deadline has come. */
export function createSweep({ clock, unsettled, waiting, acquireTimeoutMs }: SweepOptions): Sweep {
  let timer: Timer | undefined;

  const arm = (): void => void (timer ??= clock.after(sweepMs, sweep));

  function sweep(): void {
    timer = undefined;
    const now = clock.now();
    const isLate = ({ pushedMs, deadlineMs }: PendingPush): boolean =>
      pushedMs + acquireTimeoutMs <= now || deadlineMs <= now;
    for (const pending of waiting.takeWhile(isLate)) {
      unsettled.settleAll(pending, refused('broker_unavailable', 'no connection to the broker had room in time'));
    }
    for (let pending; (pending = unsettled.first) && pending.deadlineMs <= now;) {
      // It was written, or it would have been taken above. The connection is left alone: its other frames must not become
      // unknown.
      unsettled.settleAll(pending, unknown('no reply from the broker in time'));
    }
    if (unsettled.first) arm();
  }

  return { arm, close: () => timer?.cancel() };
}
