// Both stores do the same.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import fc from 'fast-check';
import { openDurableStore } from '../../../src/broker/storage/durable-store.ts';
import { createMemoryStore } from '../../../src/broker/storage/memory-store.ts';
import { queueKey, seal, streamKey, streamStart, timedKey, unseal } from '../../../src/broker/storage/records.ts';
import type { StoreError } from '../../../src/broker/storage/store.ts';
import { brokerFolder } from '../../helpers/broker.ts';

it('whatever is written, deleted and cleared, both stores hold the same records in the same order', async (t) => {
  const key = fc.oneof(
    fc.tuple(fc.integer({ min: 1, max: 5 }), fc.nat(50)).map(([stream, place]) => streamKey(stream, place)),
    fc.tuple(fc.nat(5), fc.nat(5)).map(([dueMs, sequence]) => timedKey(3, dueMs, sequence)),
    fc.constantFrom('a', 'b', 'ab').map(queueKey),
  );
  const operation = fc.oneof(
    fc.record({ type: fc.constant('put' as const), key, value: fc.uint8Array().map((bytes) => Buffer.from(bytes)) }),
    fc.record({ type: fc.constant('del' as const), key }),
  );
  const step = fc.oneof(
    fc.array(operation, { maxLength: 60 }),
    fc.tuple(key, key).map(([from, to]) => ({ from, to })),
  );
  const start = streamStart(1);
  const end = Buffer.alloc(5, 0xff);
  const durable = await openDurableStore(brokerFolder());
  t.after(() => durable.close());
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 8 }),
      key,
      fc.integer({ min: 1, max: 40 }),
      async (steps, from, count) => {
        const memory = createMemoryStore();
        await durable.clear(start, end);
        for (const one of steps) {
          for (const store of [durable, memory]) {
            if (Array.isArray(one)) await store.write(one);
            else await store.clear(one.from, one.to);
          }
        }
        assert.deepEqual(await memory.page(start, end, 1000, 1e6), await durable.page(start, end, 1000, 1e6));
        assert.deepEqual(await memory.page(from, end, count, 1e6), await durable.page(from, end, count, 1e6));
      },
    ),
    { numRuns: 100 },
  );
});

it('keys sort by stream, then by place, up to the largest numbers', () => {
  const keys = [
    streamKey(0, 0),
    queueKey('a'),
    streamKey(16, 0),
    streamKey(16, 255),
    streamKey(16, 256),
    streamKey(16, 2 ** 32 - 1),
    streamKey(16, 2 ** 32),
    streamKey(16, Number.MAX_SAFE_INTEGER),
    streamStart(17),
    timedKey(17, Date.UTC(9999, 0, 1), 1),
    timedKey(17, Date.UTC(9999, 0, 1), 2),
  ];
  assert.deepEqual(
    [...keys].sort((one, other) => one.compare(other)),
    keys,
  );
});

it('a sealed record opens under its own key only', () => {
  const key = streamKey(16, 1);
  const value = seal(key, Buffer.from('body'));
  assert.equal(unseal(key, value).toString(), 'body');
  const isDamage = (error: unknown): boolean => (error as StoreError).code === 'damaged';
  assert.throws(() => unseal(streamKey(16, 2), value), isDamage);
  assert.throws(() => unseal(key, value.subarray(0, -1)), isDamage);
  assert.throws(() => unseal(key, Buffer.alloc(3)), isDamage);
});

it('a folder that cannot be made is refused at once, with the reason of the system', async () => {
  const folder = brokerFolder();
  writeFileSync(join(folder, 'file'), '');
  await assert.rejects(openDurableStore(join(folder, 'file', 'data')), /ENOTDIR: not a directory, mkdir/);
  // Node's own recursive mkdir tries for ever there.
  if (process.platform === 'linux')
    await assert.rejects(openDurableStore('/proc/data/broker'), /ENOENT: .* mkdir '\/proc/);
});
