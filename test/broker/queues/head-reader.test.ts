// The states of a reader: when it reads again, and when it stops.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { sealChunk } from '../../../src/broker/queues/chunk.ts';
import { createHeadReader } from '../../../src/broker/queues/head-reader.ts';
import { createParsedHead } from '../../../src/broker/queues/parsed-head.ts';
import { createWindow } from '../../../src/broker/queues/window.ts';
import { createMemoryStore } from '../../../src/broker/storage/memory-store.ts';
import { streamKey } from '../../../src/broker/storage/records.ts';
import type { StoreRecord } from '../../../src/broker/storage/store.ts';

const stream = 16;

function recordOf(place: number): StoreRecord {
  const key = streamKey(stream, place);
  return [key, sealChunk(key, 1, 4711, [Buffer.from('{"jid":"12345678"}')])];
}

/** A reader of a store whose pages the test gives. */
function open(bytesMax: number) {
  const asked: { recordsMax: number; give: (page: StoreRecord[]) => void }[] = [];
  const window = createWindow(bytesMax);
  const parsed = createParsedHead(0, window);
  let ready = 0;
  const reader = createHeadReader({
    name: 'default',
    stream,
    store: {
      ...createMemoryStore(),
      page: (_from, _to, recordsMax) => new Promise((give) => asked.push({ recordsMax, give })),
    },
    parsed,
    window,
    onReady: () => ready++,
    onProblem: (error) => assert.fail(String(error)),
  });
  return {
    reader,
    parsed,
    asked,
    readyCount: () => ready,
    async give(page: StoreRecord[]) {
      asked.at(-1)?.give(page);
      await turn();
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('a read that finds nothing begins again when a group was committed meanwhile, and otherwise waits for a commit', async () => {
  const { reader, asked, give, readyCount } = open(1000);
  reader.read();
  await turn();
  reader.committed(true);
  await give([]);
  assert.equal(asked.length, 2);
  await give([]);
  assert.equal(asked.length, 2);
  reader.committed(false);
  await turn();
  assert.equal(asked.length, 2);
  reader.committed(true);
  await turn();
  assert.equal(asked.length, 3);
  await give([recordOf(0)]);
  assert.equal(readyCount(), 1);
  reader.committed(true);
  await turn();
  assert.equal(asked.length, 3);
});

it('with a full window only the age of the head is read, unless a worker waits', async () => {
  const { reader, parsed, asked, give, readyCount } = open(0);
  reader.read();
  await turn();
  await give([recordOf(0)]);
  assert.deepEqual([asked[0]?.recordsMax, parsed.enqueuedMs(), parsed.end(), readyCount()], [1, 4711, 0, 0]);
  reader.readForWorker();
  await turn();
  assert.equal(asked.length, 2);
  await give([recordOf(0)]);
  assert.deepEqual([parsed.end(), readyCount()], [1, 1]);
});

it('a read that ends after its queue is gone touches nothing', async () => {
  const { reader, parsed, asked, give, readyCount } = open(1000);
  reader.read();
  await turn();
  reader.dispose();
  await give([recordOf(0)]);
  reader.read();
  await turn();
  assert.deepEqual([parsed.end(), readyCount(), asked.length], [0, 0, 1]);
});
