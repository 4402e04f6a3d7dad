// The windows of many queues share a limit in bytes, whoever asks for jobs and in whatever order.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createFakeClock } from '../fake-clock.ts';
import { createLedger } from '../../../src/broker/storage/ledger.ts';
import { createMemoryStore } from '../../../src/broker/storage/memory-store.ts';
import { createQueue, type Queue, type QueueRecord } from '../../../src/broker/queues/queue.ts';
import { createWindow, type Window } from '../../../src/broker/queues/window.ts';

const queueCount = 20;
const jobsPerQueue = 6;
const jobBytes = 1000;
/** Room for two jobs. A read may exceed the limit by a page; here a page holds the jobs of a queue. */
const bytesMax = 2 * jobBytes;
const limitBytes = bytesMax + jobsPerQueue * jobBytes;

/** Queues filled by one broker, and opened again by another. */
async function open() {
  const clock = createFakeClock();
  const store = createMemoryStore();
  let queues: Queue[] = [];
  let onReady: (queue: Queue) => void = () => {};
  let peakBytes = 0;
  let lastRead: Promise<void> | undefined;
  const ledger = createLedger({
    store,
    groupBytesMax: 1e9,
    finish() {
      queues.forEach((queue) => queue.finish());
      return () => queues.forEach((queue) => queue.committed());
    },
    onFailed: (error) => assert.fail(String(error)),
  });

  function load(records: readonly QueueRecord[]): void {
    const created = createWindow(bytesMax);
    let heldBytes = 0;
    const window: Window = {
      ...created,
      add(bytes) {
        created.add(bytes);
        heldBytes += bytes;
        peakBytes = Math.max(peakBytes, heldBytes);
      },
      inTurn: (read) => (lastRead = created.inTurn(read)),
    };
    queues = records.map((record) => {
      const queue: Queue = createQueue({
        name: `queue-${record.stream}`,
        record,
        store,
        ledger,
        clock,
        window,
        onChanged: (size) => ledger.touch(size),
        onReady: () => onReady(queue),
        onProblem: (error) => assert.fail(String(error)),
      });
      return queue;
    });
  }

  /** Resolves when no read is under way. */
  async function settled(): Promise<void> {
    for (let last; last !== lastRead;) await (last = lastRead);
  }

  const streams = Array.from({ length: queueCount }, (_, index) => 16 + index);
  load(streams.map((stream) => ({ stream, head: 0, chunk: 0, tail: 0, paused: false })));
  for (let index = 0; index < jobsPerQueue; index++) {
    for (const queue of queues) {
      const line = JSON.stringify({ jid: `${queue.name} ${index}`, jobtype: 'x', args: [] }).padEnd(jobBytes);
      queue.append(Buffer.from(line), [JSON.parse(line)]);
    }
    await ledger.drain();
  }
  clock.advance(5000);
  peakBytes = 0;
  load(streams.map((stream) => ({ stream, head: 0, chunk: 0, tail: jobsPerQueue, paused: false })));
  for (const queue of queues) queue.committed();
  return {
    queues,
    ledger,
    settled,
    peakBytes: () => peakBytes,
    setOnReady: (run: typeof onReady) => void (onReady = run),
  };
}

it('an open reads no more than the windows may hold, and the age of every head is known', async () => {
  const { queues, settled, peakBytes } = await open();
  await settled();
  assert.ok(peakBytes() <= limitBytes, `${peakBytes()} bytes`);
  assert.deepEqual(new Set(queues.map((queue) => queue.latencyMs())), new Set([5000]));
});

it('a full window keeps no job back: all come once and in order, from queues that push each other out of the window', async () => {
  const { queues, ledger, settled, peakBytes, setOnReady } = await open();
  const taken = new Map(queues.map((queue) => [queue.name, [] as unknown[]]));
  const waiting = new Set<Queue>();
  const take = (queue: Queue): void => {
    const got = queue.take();
    if (got) taken.get(queue.name)?.push(got.job['jid']);
    else waiting.add(queue);
  };
  setOnReady((queue) => {
    if (waiting.delete(queue)) take(queue);
  });
  for (let round = 0; round < jobsPerQueue; round++) {
    for (const queue of queues) take(queue);
    await settled();
    await ledger.drain();
    assert.equal(waiting.size, 0);
  }
  for (const [name, jids] of taken)
    assert.deepEqual(
      jids,
      Array.from({ length: jobsPerQueue }, (_, index) => `${name} ${index}`),
    );
  assert.ok(peakBytes() <= limitBytes, `${peakBytes()} bytes`);
});
