// The pending pushes that have no outcome yet.
import { createChain } from '../domain/chain.ts';
import type { Outcome } from '../domain/producer.ts';
import type { PendingPush } from './frame-queue.ts';

export interface Unsettled {
  /** The oldest pending push. */
  readonly first: PendingPush | undefined;
  add(pending: PendingPush): void;
  /** Tells the caller its outcomes; does nothing when the push is settled already. See PendingPush for the parameters. */
  settle(pending: PendingPush, outcomes: readonly Outcome[], start: number): void;
  /** Settles the push with one outcome for all its jobs. */
  settleAll(pending: PendingPush, outcome: Outcome): void;
  /** Resolves when all pushes are settled. No push may be added after the call. */
  end(): Promise<void>;
}

export function createUnsettled(): Unsettled {
  // The list has the order of the pushes. A settled push leaves it at once; otherwise a million of them could wait behind a push
  // that hangs.
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
