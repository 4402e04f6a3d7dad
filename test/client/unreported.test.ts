// The limit of lines that were sent and are not reported.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createUnreported } from '../../src/client/unreported.ts';

const isSettled = async (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<false>((resolve) => setImmediate(() => resolve(false)))]);

it('at the limit the next line waits for a report', async () => {
  const unreported = createUnreported(2);
  unreported.add(1);
  assert.equal(await unreported.untilRoom(), true);
  unreported.add(4);
  assert.deepEqual([unreported.count, unreported.lastSent], [2, 4]);
  const room = unreported.untilRoom();
  assert.equal(await isSettled(room), false);
  unreported.report();
  assert.equal(await room, true);
  assert.deepEqual([unreported.count, unreported.reported], [1, 1]);
});

it('the end of the request ends the wait', async () => {
  const unreported = createUnreported(1);
  unreported.add(1);
  const room = unreported.untilRoom();
  unreported.end();
  assert.equal(await room, false);
  assert.equal(unreported.isOver, true);
});
