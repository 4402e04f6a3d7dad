// When groups are written, and in which order their ends are told.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createLedger, type GroupOutcome } from '../../../src/broker/storage/ledger.ts';
import { createMemoryStore } from '../../../src/broker/storage/memory-store.ts';
import type { StoreOperation } from '../../../src/broker/storage/store.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

function open() {
  /** The writes in flight: each ends when it is called. */
  const writes: { operations: StoreOperation[]; end: (error?: Error) => void }[] = [];
  const failures: string[] = [];
  const ends: string[] = [];
  let finished = 0;
  const ledger = createLedger({
    store: {
      ...createMemoryStore(),
      write: (operations) =>
        new Promise((resolve, reject) =>
          writes.push({ operations, end: (error) => (error ? reject(error) : resolve()) }),
        ),
    },
    groupBytesMax: 1e6,
    finish() {
      const number = ++finished;
      return () => void ends.push(`${number} on disk`);
    },
    onFailed: (error) => void failures.push(String(error)),
  });
  /** One change of this size, in bytes, by a caller that is told the end of its group. */
  function change(name: string, size = 100): void {
    ledger.put(Buffer.from(name), Buffer.alloc(size));
    ledger.join({ settle: (_group: number, outcome: GroupOutcome) => void ends.push(`${name} ${outcome}`) });
  }
  async function end(index: number, error?: Error): Promise<void> {
    writes[index]?.end(error);
    await turn();
  }
  return { ledger, writes, failures, ends, change, end };
}

it('the changes of one turn of the event loop are one group', async () => {
  const { writes, ends, change, end } = open();
  change('a');
  change('b');
  assert.equal(writes.length, 0);
  await turn();
  assert.deepEqual(
    writes.map(({ operations }) => operations.length),
    [2],
  );
  await end(0);
  assert.deepEqual(ends, ['1 on disk', 'a stored', 'b stored']);
});

it('a second group is written beside the first once it is as large, a third waits', async () => {
  const { writes, ends, change, end } = open();
  change('a', 300);
  await turn();
  change('b', 200);
  await turn();
  assert.equal(writes.length, 1);
  change('c', 200);
  await turn();
  assert.equal(writes.length, 2);
  change('d', 10_000);
  await turn();
  assert.equal(writes.length, 2);
  await end(0);
  assert.deepEqual([writes.length, ends], [3, ['1 on disk', 'a stored']]);
  await end(1);
  await end(2);
  assert.deepEqual(ends.slice(2), ['2 on disk', 'b stored', 'c stored', '3 on disk', 'd stored']);
});

it('a small group is written when no other is in flight', async () => {
  const { writes, change, end } = open();
  change('a', 300);
  await turn();
  change('b', 1);
  await turn();
  assert.equal(writes.length, 1);
  await end(0);
  assert.equal(writes.length, 2);
  await end(1);
});

it('after a failure the groups in flight are unknown, and what gathered is refused after them', async () => {
  const { ledger, failures, ends, change, end } = open();
  for (const name of ['a', 'b', 'c']) {
    change(name);
    await turn();
  }
  await end(0, new Error('EIO'));
  assert.deepEqual(ends, ['a unknown']);
  const brokenDown = ledger.breakDown('EIO');
  await end(1, new Error('EIO'));
  await brokenDown;
  assert.deepEqual(ends, ['a unknown', 'b unknown', 'c not stored']);
  assert.deepEqual(failures, ['Error: EIO']);
  change('d');
  await turn();
  assert.deepEqual(ends.slice(3), ['d not stored']);
});

it('a group in flight that is stored after a breakdown is acknowledged', async () => {
  const { ledger, ends, change, end } = open();
  change('a');
  await turn();
  change('b');
  const brokenDown = ledger.breakDown('a read failed');
  await end(0);
  await brokenDown;
  assert.deepEqual(ends, ['1 on disk', 'a stored', 'b not stored']);
});

it('a drain ends when nothing gathers and nothing is in flight', async () => {
  const { ledger, ends, change, end } = open();
  change('a');
  await turn();
  change('b');
  await turn();
  change('c');
  let isDrained = false;
  const drained = ledger.drain().then(() => (isDrained = true));
  for (const index of [0, 1]) await end(index);
  assert.equal(isDrained, false);
  await end(2);
  await drained;
  assert.deepEqual(
    ends.filter((text) => text.endsWith('stored')),
    ['a stored', 'b stored', 'c stored'],
  );
});
