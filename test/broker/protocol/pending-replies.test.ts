// Replies of one connection: their order, and what becomes of them when a group fails or the client is gone.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createPendingReplies } from '../../../src/broker/protocol/pending-replies.ts';
import type { Reservation } from '../../../src/broker/queues/reservation-index.ts';

const reservation: Reservation = {
  jid: 'a job',
  wid: undefined,
  place: 1,
  expiryMs: 0,
  text: '{}',
  older: undefined,
};

function open(isGone = false) {
  const requeued: Reservation[] = [];
  const replies = createPendingReplies({ isGone: () => isGone, requeue: (taken) => requeued.push(taken) });
  return { replies, requeued };
}

it('a reply waits for its group, and the replies behind it wait with it', () => {
  const { replies } = open();
  replies.add('a');
  replies.addStored('b', 1, undefined);
  replies.add('c');
  replies.addStored('d', 2, undefined);
  assert.deepEqual([replies.takeDue(), replies.count(), replies.bytes()], ['a', 3, 3]);
  replies.settle(1, 'stored', '');
  assert.deepEqual([replies.bytes(), replies.takeDue(), replies.count(), replies.bytes()], [3, 'bc', 1, 1]);
  replies.settle(2, 'stored', '');
  assert.deepEqual([replies.takeDue(), replies.takeDue(), replies.count(), replies.bytes()], ['d', '', 0, 0]);
});

for (const [outcome, text] of [
  ['not stored', '-ERR not stored: the store of the broker failed: the disk is full\r\n'],
  ['unknown', '-ERR the store of the broker failed, the outcome is unknown: the disk is full\r\n'],
] as const) {
  it(`a group that ends with "${outcome}" turns its own replies into errors, and no others`, () => {
    const { replies, requeued } = open(true);
    replies.addStored('a', 1, reservation);
    replies.add('b');
    replies.settle(1, outcome, 'the disk is full');
    assert.deepEqual([replies.takeDue(), requeued], [`${text}b`, []]);
  });
}

it('a job goes back to its queue when its client is gone, and only then', () => {
  for (const isGone of [true, false]) {
    const { replies, requeued } = open(isGone);
    replies.addStored('the job', 1, reservation);
    replies.settle(1, 'stored', '');
    assert.deepEqual([replies.takeDue(), requeued], isGone ? ['$-1\r\n', [reservation]] : ['the job', []]);
  }
});
