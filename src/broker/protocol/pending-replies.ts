// The replies of a connection, in the order of its commands. A reply waits until the group of its command is stored.
import type { Reservation } from '../queues/reservation-index.ts';
import type { GroupOutcome } from '../storage/ledger.ts';
import { error, nil } from './replies.ts';

export interface PendingReplies {
  add(text: string): void;
  /** @param group must be stored first */
  addStored(text: string, group: number, taken: Reservation | undefined): void;
  /** Called when a group has ended: its replies are due, or become errors. */
  settle(ended: number, outcome: GroupOutcome, detail: string): void;
  /** The replies that are due, which the caller writes. */
  takeDue(): string;
  /** The number of replies that are not due. */
  count(): number;
  /** The bytes of all replies that were not taken. */
  bytes(): number;
}

interface PendingRepliesOptions {
  isGone: () => boolean;
  /** Called with a job that was taken for this client, when the client is gone. */
  requeue: (taken: Reservation) => void;
}

interface PendingReply {
  text: string;
  /** 0: the reply waits only for the replies before it. */
  readonly group: number;
  readonly taken: Reservation | undefined;
}

export function createPendingReplies({ isGone, requeue }: PendingRepliesOptions): PendingReplies {
  let pending: PendingReply[] = [];
  let pendingBytes = 0;
  let due = '';

  function addPending(text: string, group: number, taken: Reservation | undefined): void {
    pending.push({ text, group, taken });
    pendingBytes += text.length;
  }

  function conclude(reply: PendingReply, outcome: GroupOutcome, detail: string): void {
    if (outcome === 'not stored') reply.text = error(`not stored: the store of the broker failed: ${detail}`);
    else if (outcome === 'unknown')
      reply.text = error(`the store of the broker failed, the outcome is unknown: ${detail}`);
    else if (reply.taken && isGone()) {
      requeue(reply.taken);
      reply.text = nil;
    }
  }

  return {
    add(text) {
      if (pending.length === 0) due += text;
      else addPending(text, 0, undefined);
    },
    addStored: addPending,
    settle(ended, outcome, detail) {
      let count = 0;
      for (const reply of pending) {
        if (reply.group > ended) break;
        pendingBytes -= reply.text.length;
        if (reply.group !== 0) conclude(reply, outcome, detail);
        due += reply.text;
        count++;
      }
      pending = count === pending.length ? [] : pending.slice(count);
    },
    takeDue() {
      const text = due;
      due = '';
      return text;
    },
    count: () => pending.length,
    bytes: () => pendingBytes + due.length,
  };
}
