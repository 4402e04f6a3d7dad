// The log and LevelDB together, on a disk that at a crash loses unsynced writes and tears the writes in flight. After the crash the
// store holds every acknowledged group, perhaps the first groups in flight, and nothing else.
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { openDurableStore, type DurableStoreOptions } from '../../../src/broker/storage/durable-store.ts';
import { encodeGroup } from '../../../src/broker/storage/group-record.ts';
import { openLevelStore, type LevelStore } from '../../../src/broker/storage/level-store.ts';
import { formatKey, metaKey, sealJson, streamKey, streamStart } from '../../../src/broker/storage/records.ts';
import { openSegment } from '../../../src/broker/storage/segment.ts';
import type { Store, StoreError, StoreOperation } from '../../../src/broker/storage/store.ts';
import { brokerFolder } from '../../helpers/broker.ts';
import { losingUnsynced } from '../faulty-store.ts';

const start = streamStart(1);
const end = Buffer.alloc(5, 0xff);
const segmentBytes = 2048;

type Content = Map<string, string>;

async function contentOf(store: Store): Promise<Content> {
  const records = await store.page(start, end, 10_000, 1e9);
  return new Map(records.map(([key, value]) => [key.toString('hex'), value.toString('hex')]));
}

function apply(content: Content, operations: readonly StoreOperation[]): Content {
  const next = new Map(content);
  for (const operation of operations) {
    const key = operation.key.toString('hex');
    if (operation.type === 'put') next.set(key, operation.value.toString('hex'));
    else next.delete(key);
  }
  return new Map([...next].sort());
}

/** A machine whose power can fail. */
function createMachine(folder: string) {
  const losing = losingUnsynced(true);
  let level: LevelStore | undefined;
  const machine = {
    /** For each of the next writes to the log: how many of its bytes reach the disk before it fails; undefined: it succeeds. */
    tears: [] as (number | undefined)[],
    /** What LevelDB is given fails. */
    levelFails: false,
    /** LevelDB takes so many writes. */
    writesMax: Infinity,
    /** A flush takes so many turns of the event loop. */
    flushTurns: 0,
    /** Those after so many never end. */
    flushesMax: Infinity,
    options: {
      segmentBytes,
      async openLevel(path, again) {
        const inner = await (losing.openLevel as typeof openLevelStore)(path, again);
        level = inner;
        const guard = () => {
          if (machine.levelFails) throw new Error('ENOSPC: no space left on device');
        };
        return {
          ...inner,
          async write(...given) {
            guard();
            if (machine.writesMax-- <= 0) throw new Error('the power has failed');
            await inner.write(...given);
          },
          async flush() {
            guard();
            if (machine.flushesMax-- <= 0) await new Promise(() => {});
            for (let turn = 0; turn < machine.flushTurns; turn++) await new Promise((resolve) => setImmediate(resolve));
            if (level !== inner) throw new Error('the power has failed');
            await inner.flush();
          },
        };
      },
      async openSegment(path, bytes) {
        const inner = await openSegment(path, bytes);
        return {
          ...inner,
          async write(data, position) {
            const tear = machine.tears.shift();
            if (tear === undefined) return inner.write(data, position);
            const part = data.subarray(0, Math.min(data.length, tear));
            if (part.length > 0) await inner.write(part, position);
            throw new Error('EIO: i/o error');
          },
        };
      },
    } satisfies DurableStoreOptions as DurableStoreOptions,
    open: () => openDurableStore(folder, machine.options),
    /** What LevelDB has in memory only is gone. */
    async crash() {
      const crashed = level;
      level = undefined;
      await crashed?.close();
    },
  };
  return machine;
}

const operation = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('put' as const),
      key: fc.nat(30).map((place) => streamKey(16, place)),
      value: fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('del' as const), key: fc.nat(30).map((place) => streamKey(16, place)) }),
  },
);
const operations = fc.array(operation, { minLength: 1, maxLength: 8 });
const tear = fc.option(fc.nat(600), { nil: undefined });
const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ write: operations }) },
  { weight: 1, arbitrary: fc.record({ read: fc.constant(true) }) },
  { weight: 1, arbitrary: fc.record({ crash: fc.constantFrom('looks', 'goes on') }) },
  { weight: 1, arbitrary: fc.record({ flushTurns: fc.nat(40) }) },
  { weight: 4, arbitrary: fc.record({ writeTwo: fc.tuple(operations, operations) }) },
  { weight: 2, arbitrary: fc.record({ tears: fc.tuple(tear, tear), two: fc.boolean(), reopens: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ levelFails: fc.constantFrom('crash', 'reopen', 'close') }) },
  { weight: 1, arbitrary: fc.record({ close: fc.constant(true) }) },
);

/** FAULTS=1 makes it the long run. */
const runs = process.env['FAULTS'] === '1' ? 1000 : 40;

it('holds what was acknowledged, through crashes, torn writes, a failing LevelDB and orderly ends', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      const folder = brokerFolder();
      const machine = createMachine(folder);
      let store = await machine.open();
      let content: Content = new Map();

      /** After failed writes: the first of `pending` are in it as a whole, the others not at all. */
      async function settleUnknown(...pending: (readonly StoreOperation[])[]): Promise<void> {
        const found = await contentOf(store);
        for (const write of pending) {
          if ([...found].join() === [...content].join()) break;
          content = apply(content, write);
        }
        assert.deepEqual(found, content);
      }
      async function crash(): Promise<void> {
        await machine.crash();
        store = await machine.open();
      }

      for (const one of steps) {
        if ('write' in one) {
          await store.write(one.write);
          content = apply(content, one.write);
        } else if ('read' in one) {
          assert.deepEqual(await contentOf(store), content);
        } else if ('crash' in one) {
          await crash();
          if (one.crash === 'looks') assert.deepEqual(await contentOf(store), content);
        } else if ('flushTurns' in one) {
          machine.flushTurns = one.flushTurns;
        } else if ('close' in one) {
          await store.close();
          store = await machine.open();
          assert.deepEqual(await contentOf(store), content);
        } else if ('writeTwo' in one) {
          await Promise.all(one.writeTwo.map((write) => store.write([...write])));
          for (const write of one.writeTwo) content = apply(content, write);
        } else if ('tears' in one) {
          const pending = [99, 98]
            .slice(0, one.two ? 2 : 1)
            .map((place): StoreOperation[] => [
              { type: 'put', key: streamKey(16, place), value: Buffer.alloc(300, content.size) },
            ]);
          machine.tears = one.tears.slice(0, pending.length);
          const failsFrom = machine.tears.findIndex((at) => at !== undefined);
          const acknowledged = failsFrom === -1 ? pending.length : failsFrom;
          const results = await Promise.allSettled(pending.map((write) => store.write(write)));
          // A second write for which there was no room in the file was not begun.
          machine.tears = [];
          results.forEach(({ status }, index) => assert.equal(status === 'fulfilled', index < acknowledged));
          for (const write of pending.slice(0, acknowledged)) content = apply(content, write);
          if (acknowledged === pending.length) continue;
          if (one.reopens) await store.reopen();
          else await crash();
          await settleUnknown(...pending.slice(acknowledged));
        } else {
          machine.levelFails = true;
          const pending: StoreOperation[] = [{ type: 'put', key: streamKey(16, 98), value: Buffer.alloc(700, 2) }];
          let isStored = true;
          // Sooner or later the log is full.
          while (isStored) {
            isStored = await store.write(pending).then(
              () => true,
              () => false,
            );
            if (isStored) content = apply(content, pending);
          }
          if (one.levelFails === 'reopen') {
            await assert.rejects(store.reopen(), /ENOSPC/);
            machine.levelFails = false;
            await store.reopen();
          } else {
            if (one.levelFails === 'close') await store.close();
            machine.levelFails = false;
            await crash();
          }
          await settleUnknown(pending);
        }
      }
      await store.close();
      rmSync(folder, { recursive: true });
    }),
    { numRuns: runs, endOnFailure: true },
  );
});

it('uses a file of the log again only when LevelDB says for good that it has its groups', async (t) => {
  const machine = createMachine(brokerFolder());
  const store = await machine.open();
  const groups = Array.from({ length: 3 }, (_, place): StoreOperation[] => [
    { type: 'put', key: streamKey(16, place), value: Buffer.alloc(segmentBytes / 2, place) },
  ]);
  // One fills a file: the third is where the first was, which was brought to LevelDB for that.
  machine.flushesMax = 1;
  for (const group of groups) await store.write(group);
  await machine.crash();
  machine.flushesMax = Infinity;
  const again = await machine.open();
  t.after(() => again.close());
  assert.deepEqual(await contentOf(again), apply(new Map(), groups.flat()));
});

async function withStore<T>(folder: string, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openDurableStore(folder, { segmentBytes });
  return use(store).finally(() => store.close());
}

function withByteChanged(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(at) ^ 0x10, at);
  return changed;
}

const put = (place: number): StoreOperation => ({ type: 'put', key: streamKey(16, place), value: Buffer.from('x') });

/** A folder as an earlier program left it: LevelDB alone, its meta record of format 1 first. */
async function writeFormat1(folder: string): Promise<void> {
  const level = await openLevelStore(folder);
  const meta = { format: 1, queues: 0, sequence: 5, streams: 19 };
  await level.write([{ type: 'put', key: formatKey, value: sealJson(formatKey, meta) }, put(1)], { sync: true });
  await level.close();
}

/** One whose log has no headers: one record in LevelDB, two groups that only the log has unless it was closed. */
async function writeFormat2(folder: string, closed: boolean): Promise<void> {
  const level = await openLevelStore(folder);
  const record = { format: 2, epoch: 5, synced: 0, applied: 0, closed };
  const meta = { type: 'put', key: metaKey, value: sealJson(metaKey, {}) } as const;
  await level.write([{ type: 'put', key: formatKey, value: sealJson(formatKey, record) }, meta, put(1)], {
    sync: true,
  });
  await level.close();
  const groups = [2, 3].map((place, index) =>
    encodeGroup({ epoch: 5, sequence: index + 1, overlaps: false }, [put(place)]),
  );
  writeFileSync(join(folder, 'groups.0'), Buffer.concat([...groups, Buffer.alloc(segmentBytes)]));
  writeFileSync(join(folder, 'groups.1'), Buffer.alloc(segmentBytes));
}

const damageOf = (folder: string): Promise<StoreError> =>
  openDurableStore(folder, { segmentBytes }).then(
    async (store) => {
      await store.close();
      throw new Error('it opened');
    },
    (error: unknown) => error as StoreError,
  );

/** Ends as a killed process would. */
async function leaveOpen(t: TestContext, folder: string): Promise<void> {
  const machine = createMachine(folder);
  const store = await machine.open();
  await store.write([put(1)]);
  await machine.crash();
  t.after(() => store.close());
}

describe('a data folder of a store with a log', () => {
  it('is made of a folder without a log', async () => {
    const folder = brokerFolder();
    await writeFormat1(folder);
    await withStore(folder, async (store) => {
      const [record] = await store.page(metaKey, end, 1, 1);
      assert.deepEqual(record?.[0], metaKey);
      assert.equal((await contentOf(store)).size, 1);
    });
    await withStore(folder, async (store) => assert.equal((await contentOf(store)).size, 1));
  });

  for (const isClosed of [false, true]) {
    it(`is made of a folder whose log has no headers, ${isClosed ? 'closed in order' : 'after a kill'}`, async () => {
      const folder = brokerFolder();
      await writeFormat2(folder, isClosed);
      for (let open = 0; open < 2; open++) {
        await withStore(folder, async (store) => assert.equal((await contentOf(store)).size, isClosed ? 1 : 3));
      }
    });
  }

  it('with a log without headers keeps it through a crash at any write of its first open', async () => {
    for (let writes = 0, isOver = false; !isOver; writes++) {
      const folder = brokerFolder();
      await writeFormat2(folder, false);
      const machine = createMachine(folder);
      machine.writesMax = writes;
      isOver = await machine.open().then(
        async (store) => store.close().then(() => true),
        () => false,
      );
      await machine.crash();
      await withStore(folder, async (store) => assert.equal((await contentOf(store)).size, 3, `${writes} writes`));
    }
  });

  it('is refused by a program that knows no log', async (t) => {
    const folder = brokerFolder();
    await withStore(folder, (store) => store.write([put(1)]));
    const level = await openLevelStore(folder);
    t.after(() => level.close());
    const [first] = await level.page(Buffer.alloc(0), end, 1, 1);
    assert.deepEqual(first?.[0], formatKey);
    assert.match(String(first?.[1]), /"format":3,/);
  });

  it('has the format of an orderly end although a full file of the log was brought to LevelDB meanwhile', async (t) => {
    const folder = brokerFolder();
    let flushes = 0;
    const openLevel: typeof openLevelStore = async (path, again) => {
      const level = await openLevelStore(path, again);
      // The flush of the second full file ends after that of the end.
      return { ...level, flush: () => (++flushes === 2 ? sleep(100) : Promise.resolve()).then(level.flush) };
    };
    const store = await openDurableStore(folder, { segmentBytes, openLevel });
    for (let place = 0; place < 3; place++) {
      await store.write([{ type: 'put', key: streamKey(16, place), value: Buffer.alloc(segmentBytes / 2) }]);
    }
    await store.close();
    assert.equal(flushes, 3);
    const level = await openLevelStore(folder);
    t.after(() => level.close());
    const [first] = await level.page(Buffer.alloc(0), end, 1, 1);
    assert.match(String(first?.[1]), /"format":3,.*"closed":true/);
  });

  it('is opened again although a file of the log cannot be closed', async (t) => {
    const folder = brokerFolder();
    const openFailing: typeof openSegment = async (path, bytes) => {
      const segment = await openSegment(path, bytes);
      return { ...segment, close: () => segment.close().then(() => Promise.reject(new Error('EIO: i/o error'))) };
    };
    const store = await openDurableStore(folder, { segmentBytes, openSegment: openFailing });
    t.after(() => store.close());
    await store.write([put(1)]);
    await store.reopen();
    assert.equal((await contentOf(store)).size, 1);
  });

  it('needs its log after a kill', async (t) => {
    const folder = brokerFolder();
    await leaveOpen(t, folder);
    rmSync(join(folder, 'groups.1'));
    const error = await damageOf(folder);
    assert.equal(error.code, 'damaged');
    assert.ok(error.message.includes(folder));
  });

  it('is damaged when the log lacks whole groups that it held a second before', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const folder = brokerFolder();
    let onWrite: () => void = () => {};
    const openLevel: typeof openLevelStore = async (path, again) => {
      const level = await openLevelStore(path, again);
      return { ...level, write: (...given) => level.write(...given).finally(onWrite) };
    };
    const store = await openDurableStore(folder, { segmentBytes, openLevel });
    t.after(() => store.close());
    await store.write([put(1)]);
    const written = new Promise<void>((resolve) => (onWrite = resolve));
    t.mock.timers.tick(1000);
    await written;
    const copy = join(brokerFolder(), 'as-after-a-kill');
    cpSync(folder, copy, { recursive: true });
    const file = join(copy, 'groups.0');
    writeFileSync(file, readFileSync(file).fill(0, 'Work Factory log'.length));
    assert.match((await damageOf(copy)).message, /the log ends at the group 0, of 1 at least/);
  });

  it('is damaged, whichever byte of the log of LevelDB was changed after a kill', async (t) => {
    const folder = brokerFolder();
    await withStore(folder, (store) => store.write([put(1)]));
    const store = await openDurableStore(folder, { segmentBytes });
    t.after(() => store.close());
    for (const place of [2, 3]) await store.write([put(place)]);
    const copy = join(brokerFolder(), 'as-after-a-kill');
    cpSync(folder, copy, { recursive: true });
    const name = readdirSync(copy).find((file) => /^\d+\.log$/.test(file)) as string;
    const bytes = readFileSync(join(copy, name));
    assert.ok(bytes.length > 50);
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = join(brokerFolder(), 'changed');
      cpSync(copy, changed, { recursive: true });
      writeFileSync(join(changed, name), withByteChanged(bytes, at));
      // LevelDB leaves the record out, and with it that the store was opened again.
      assert.match((await damageOf(changed)).message, /groups in the log of which the database does not know/);
    }
  });

  it('does not need its log after an orderly end', async () => {
    const folder = brokerFolder();
    await withStore(folder, (store) => store.write([put(1)]));
    for (const file of readdirSync(folder).filter((name) => name.startsWith('groups'))) rmSync(join(folder, file));
    await withStore(folder, async (store) => assert.equal((await contentOf(store)).size, 1));
  });

  it('is damaged when LevelDB was lost beside its log', async (t) => {
    const folder = brokerFolder();
    await leaveOpen(t, folder);
    for (const file of readdirSync(folder).filter((name) => !name.startsWith('groups'))) rmSync(join(folder, file));
    assert.equal((await damageOf(folder)).code, 'damaged');
  });
});
