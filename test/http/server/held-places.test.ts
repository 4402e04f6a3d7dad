// The count of places, for all connections and for each address.
import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { it } from 'node:test';
import { createHeldPlaces } from '../../../src/http/server/held-places.ts';

it('a place is counted for all and for its address until it is released, once', () => {
  const held = createHeldPlaces((address) => address === '127.0.0.1');
  const [own, other, shared] = [new Socket(), new Socket(), new Socket()];
  const group = held.groupOf('192.0.2.1');
  held.add(own, group, false);
  held.add(other, held.groupOf('192.0.2.2'), false);
  held.add(shared, held.groupOf('127.0.0.1'), false);
  assert.equal(held.groupOf('192.0.2.1'), group);
  assert.deepEqual([held.size, held.everybody.count, group?.count], [3, 3, 1]);
  assert.ok(group && held.counts(own, group) && !held.counts(other, group) && !held.counts(shared, group));
  assert.ok([own, other, shared].every((socket) => held.counts(socket, held.everybody)));
  held.release(own);
  held.release(own);
  assert.deepEqual([held.size, held.everybody.count, group.count], [2, 2, 0]);
  assert.notEqual(held.groupOf('192.0.2.1'), group);
});

it('a spare place counts for its address, and not among all', () => {
  const held = createHeldPlaces(() => false);
  const probe = new Socket();
  const group = held.groupOf('192.0.2.1');
  held.add(probe, group, true);
  assert.deepEqual([held.size, held.everybody.count, group?.count, held.spare.has(probe)], [1, 0, 1, true]);
  assert.ok(group && !held.counts(probe, group) && !held.counts(probe, held.everybody));
  held.release(probe);
  assert.deepEqual([held.size, held.everybody.count, held.spare.size], [0, 0, 0]);
});
