// Looks into a sorted set while a disk is slow: what is not stored yet must be found by a later look.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createLedger } from '../../../src/broker/storage/ledger.ts';
import { createMemoryStore } from '../../../src/broker/storage/memory-store.ts';
import { createJobSet } from '../../../src/broker/queues/job-set.ts';

/** The writes wait while `hold` is in force, and so do the looks while `holdPages` is. */
function open() {
  const memory = createMemoryStore();
  let gate = Promise.resolve();
  let pageGate = Promise.resolve();
  const store: typeof memory = {
    ...memory,
    write: (operations) => gate.then(() => memory.write(operations)),
    page: async (...range) => {
      const records = await memory.page(...range);
      await pageGate;
      return records;
    },
  };
  const ledger = createLedger({
    store,
    groupBytesMax: 1e6,
    finish: () => () => {},
    onFailed: (error) => assert.fail(String(error)),
  });
  let sequence = 0;
  const set = createJobSet({ record: { stream: 16, count: 0 }, store, ledger, nextSequence: () => ++sequence });
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const taken: string[] = [];
  return {
    set,
    ledger,
    taken,
    look: (nowMs: number, jobsMax = 10) => set.takeDue(nowMs, jobsMax, (text) => taken.push(text)),
    hold: () => void (gate = held),
    holdPages: () => void (pageGate = held),
    release: () => release(),
  };
}

it('a job that falls due before its group is stored is found by the next look', async () => {
  const { set, ledger, taken, look, hold, release } = open();
  set.add(10, 'stored');
  await ledger.drain();
  hold();
  set.add(5, 'in flight');
  await new Promise((resolve) => setImmediate(resolve));
  set.add(4, 'gathering');
  assert.equal(await look(20), 1);
  release();
  await ledger.drain();
  assert.equal(await look(20), 2);
  assert.deepEqual(taken, ['stored', 'gathering', 'in flight']);
  assert.equal(await look(20), 0);
  assert.equal(set.record().count, 0);
});

it('a job that is added during a look is found by the next one', async () => {
  const { set, ledger, taken, look, holdPages, release } = open();
  set.add(10, 'first');
  await ledger.drain();
  holdPages();
  const looking = look(20);
  await new Promise((resolve) => setImmediate(resolve));
  set.add(5, 'second');
  release();
  assert.equal(await looking, 1);
  await look(20);
  assert.deepEqual(taken, ['first', 'second']);
});

it('a look waits until the jobs that the last one took are gone from the disk', async () => {
  const { set, ledger, taken, look, hold, release } = open();
  for (const dueMs of [1, 2, 3]) set.add(dueMs, `job ${dueMs}`);
  await ledger.drain();
  hold();
  await look(20, 2);
  set.add(1, 'late');
  const looking = look(20);
  release();
  await looking;
  assert.deepEqual(taken, ['job 1', 'job 2', 'late', 'job 3']);
  assert.equal(set.record().count, 0);
});
