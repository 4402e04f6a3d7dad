// The log in front of LevelDB, file by file: what is cut off at its end was never acknowledged, anything else that is missing
// is damage.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeGroup, hasGroup } from '../../../src/broker/storage/group-record.ts';
import { makeLogFiles, readLog, startLog, type LogState } from '../../../src/broker/storage/log.ts';
import { openSegment, type OpenSegment } from '../../../src/broker/storage/segment.ts';
import { streamKey } from '../../../src/broker/storage/records.ts';
import type { StoreError, StoreOperation } from '../../../src/broker/storage/store.ts';
import { brokerFolder } from '../../helpers/broker.ts';
import { until } from '../../helpers/until.ts';

const epoch = 7;
const segmentBytes = 4096;
/** `Work Factory log` */
const headerBytes = 16;
const fresh: LogState = { epoch, synced: 0, applied: 0 };

const group = (place: number, bytes = 100): StoreOperation[] => [
  { type: 'put', key: streamKey(16, place), value: Buffer.alloc(bytes, place) },
  { type: 'del', key: streamKey(17, place) },
];

async function open(t: TestContext, options: Partial<Parameters<typeof startLog>[0]> = {}) {
  const folder = brokerFolder();
  const stored: number[] = [];
  await makeLogFiles(folder);
  const log = await startLog({
    folder,
    epoch,
    segmentBytes,
    openSegment,
    untilRoom: async () => {},
    onStored: (_operations, sequence) => void stored.push(sequence),
    checkpoint: async () => {},
    ...options,
  });
  t.after(() => log.close());
  return { folder, log, stored, file: join(folder, 'groups.0'), otherFile: join(folder, 'groups.1') };
}

const sequences = async (folder: string, state = fresh): Promise<number[]> =>
  (await readLog(folder, state)).map(({ sequence }) => sequence);

function withByteChanged(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
  return changed;
}

/** Segments whose writes wait for the test. */
function createHeldSegments() {
  /** The writes that were begun, in order: each goes on, or fails, when it is called. */
  const writes: ((error?: Error) => void)[] = [];
  const openHeld: OpenSegment = async (path, bytes) => {
    const segment = await openSegment(path, bytes);
    return {
      ...segment,
      async write(data, position) {
        await new Promise<void>((resolve, reject) => writes.push((error) => (error ? reject(error) : resolve())));
        await segment.write(data, position);
      },
    };
  };
  return { writes, openSegment: openHeld };
}

const isDamage = (error: StoreError): boolean => error.code === 'damaged';

describe('the log', () => {
  it('gives back what was written, in order', async (t) => {
    const { folder, log } = await open(t);
    for (let place = 1; place <= 3; place++) await log.append(group(place));
    const groups = await readLog(folder, fresh);
    assert.deepEqual(
      groups.map(({ operations }) => operations),
      [group(1), group(2), group(3)],
    );
    assert.deepEqual(await sequences(folder, { ...fresh, synced: 2 }), [3]);
  });

  it('cut off at any byte of its last group, lacks that group and no other', async (t) => {
    const { folder, log, file } = await open(t);
    for (let place = 1; place <= 3; place++) await log.append(group(place));
    const whole = readFileSync(file);
    const bytes = encodeGroup({ epoch, sequence: 1, overlaps: false }, group(1)).length;
    const start = headerBytes + 2 * bytes;
    const end = start + bytes;
    // What the file held before: zeros, or groups of its last use.
    const stale = Buffer.alloc(segmentBytes);
    for (let at = headerBytes; at + bytes < segmentBytes; at += bytes) {
      encodeGroup({ epoch: epoch - 1, sequence: 4, overlaps: false }, group(9)).copy(stale, at);
    }
    for (let cut = start; cut <= end; cut++) {
      for (const rest of [Buffer.alloc(0), Buffer.alloc(segmentBytes - cut), stale.subarray(cut)]) {
        writeFileSync(file, Buffer.concat([whole.subarray(0, cut), rest]));
        assert.deepEqual(await sequences(folder), cut === end ? [1, 2, 3] : [1, 2], `cut at ${cut}`);
      }
    }
  });

  it('is damaged, whichever byte before the last group was changed', async (t) => {
    const { folder, log, file } = await open(t);
    for (let place = 1; place <= 3; place++) await log.append(group(place));
    const whole = readFileSync(file);
    const end = headerBytes + 2 * encodeGroup({ epoch, sequence: 1, overlaps: false }, group(1)).length;
    for (let at = 0; at < end; at++) {
      writeFileSync(file, withByteChanged(whole, at));
      await assert.rejects(readLog(folder, fresh), isDamage, `byte ${at}`);
    }
  });

  it('is damaged, or cut off, when any range of it is zeros', async (t) => {
    const { folder, log, file } = await open(t);
    for (let place = 1; place <= 3; place++) await log.append(group(place));
    const whole = readFileSync(file);
    const bytes = encodeGroup({ epoch, sequence: 1, overlaps: false }, group(1)).length;
    const ends = [1, 2, 3].map((count) => headerBytes + count * bytes) as [number, number, number];
    const edges = [0, headerBytes, ...ends, segmentBytes].flatMap((at) => [at - 1, at, at + 1]);
    for (const from of edges.filter((at) => at >= 0)) {
      for (const to of edges.filter((at) => at > from && at <= segmentBytes)) {
        writeFileSync(file, Buffer.from(whole).fill(0, from, to));
        const kept = ends.filter((end) => end <= from).length;
        // No whole group is behind those that are not: a crash leaves it so.
        const isCut = from >= headerBytes && (kept === 3 || to > ends[1]);
        const what = `zeros from ${from} to ${to}`;
        if (isCut) assert.deepEqual(await sequences(folder), [1, 2, 3].slice(0, kept), what);
        else await assert.rejects(readLog(folder, fresh), isDamage, what);
      }
    }
  });

  for (const name of ['groups.0', 'groups.1']) {
    it(`is damaged when all of ${name} is zeros, or it is empty, although none of its groups is known`, async (t) => {
      const { folder, log } = await open(t);
      await log.append(group(1));
      for (const bytes of [segmentBytes, 0]) {
        writeFileSync(join(folder, name), Buffer.alloc(bytes));
        const isNamed = (error: StoreError): boolean => isDamage(error) && error.message.includes(join(folder, name));
        await assert.rejects(readLog(folder, fresh), isNamed);
      }
    });
  }

  it('is damaged when it ends before what LevelDB has seen of it', async (t) => {
    const { folder, log, file } = await open(t);
    for (let place = 1; place <= 3; place++) await log.append(group(place));
    assert.deepEqual(await sequences(folder, { ...fresh, applied: 3 }), [1, 2, 3]);
    truncateSync(file, 10);
    await assert.rejects(readLog(folder, { ...fresh, applied: 1 }), isDamage);
  });

  for (const name of ['groups.0', 'groups.1']) {
    it(`is damaged when ${name} is missing`, async (t) => {
      const { folder, log } = await open(t);
      await log.append(group(1));
      rmSync(join(folder, name));
      await assert.rejects(readLog(folder, fresh), isDamage);
    });
  }

  it('has no groups of an earlier epoch', async (t) => {
    const { folder, log } = await open(t);
    await log.append(group(1));
    assert.deepEqual(await sequences(folder, { ...fresh, epoch: epoch + 1 }), []);
  });

  it('takes its files in turn, each again when all that it holds was brought to LevelDB', async (t) => {
    const ended: (() => void)[] = [];
    const asked: number[] = [];
    const { folder, log, file, otherFile } = await open(t, {
      checkpoint(sequence) {
        asked.push(sequence);
        return new Promise((resolve) => ended.push(resolve));
      },
    });
    // Three groups fill a file.
    for (let place = 1; place <= 4; place++) await log.append(group(place, 1000));
    assert.deepEqual(asked, [3]);
    for (let place = 5; place <= 6; place++) await log.append(group(place, 1000));
    assert.deepEqual(await sequences(folder), [1, 2, 3, 4, 5, 6]);
    const before = readFileSync(file);
    const waiting = log.append(group(7, 1000));
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(before.equals(readFileSync(file)), 'written although LevelDB does not have its groups');
    ended[0]?.();
    await waiting;
    assert.deepEqual(asked, [3, 6]);
    assert.deepEqual(await sequences(folder, { ...fresh, synced: 3 }), [4, 5, 6, 7]);
    await assert.rejects(readLog(folder, fresh), isDamage, 'the first three are needed and gone');
    assert.equal(readFileSync(otherFile).length, segmentBytes);
    ended[1]?.();
  });

  it('takes nothing more when a full file cannot be brought to LevelDB', async (t) => {
    const { folder, log } = await open(t, { checkpoint: () => Promise.reject(new Error('ENOSPC')) });
    for (let place = 1; place <= 6; place++) await log.append(group(place, 1000));
    await assert.rejects(log.append(group(7, 1000)), /ENOSPC/);
    assert.deepEqual(await sequences(folder), [1, 2, 3, 4, 5, 6]);
  });

  it('takes a group that is larger than a file, and goes on in the other', async (t) => {
    const { folder, log } = await open(t);
    for (const bytes of [1000, 3 * segmentBytes, 1000, 1000]) await log.append(group(log.sequence + 1, bytes));
    assert.deepEqual(await sequences(folder, { ...fresh, synced: 1 }), [2, 3, 4]);
  });

  it('has files whose size is written beforehand', async (t) => {
    const { log, file, otherFile } = await open(t);
    // The fourth is in the other file, which is made meanwhile.
    for (let place = 1; place <= 4; place++) await log.append(group(place, 1000));
    assert.deepEqual([readFileSync(file).length, readFileSync(otherFile).length], [segmentBytes, segmentBytes]);
  });

  it('is opened so that a write is a sync', { skip: process.platform !== 'linux' && 'Linux only' }, async (t) => {
    const { file } = await open(t);
    const fds = readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === file;
      } catch {
        return false;
      }
    });
    assert.equal(fds.length, 1);
    const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fds[0]}`, 'utf8'))?.[1];
    assert.notEqual(Number.parseInt(String(flags), 8) & 0o10000, 0, `flags ${flags}`);
  });
});

describe('two groups that are written at once', () => {
  /** Four groups of the same size: the third and the fourth were written at once. */
  async function write(t: TestContext) {
    const opened = await open(t);
    const { log } = opened;
    for (let place = 1; place <= 2; place++) await log.append(group(place));
    await Promise.all([log.append(group(3)), log.append(group(4))]);
    const bytes = encodeGroup({ epoch, sequence: 1, overlaps: false }, group(1)).length;
    const startOf = (sequence: number): number => headerBytes + (sequence - 1) * bytes;
    return { ...opened, startOf };
  }

  it('are given back', async (t) => {
    const { folder, log, stored } = await write(t);
    assert.deepEqual(await sequences(folder), [1, 2, 3, 4]);
    assert.deepEqual([stored, log.sequence], [[1, 2, 3, 4], 4]);
  });

  it('are missing from the first that was cut off on, at any byte', async (t) => {
    const { folder, file, startOf } = await write(t);
    const whole = readFileSync(file);
    for (let at = startOf(3); at < startOf(5); at++) {
      writeFileSync(file, withByteChanged(whole, at));
      assert.deepEqual(await sequences(folder), at < startOf(4) ? [1, 2] : [1, 2, 3], `byte ${at}`);
    }
  });

  it('are damaged when they were stored before a later group was written', async (t) => {
    const { folder, log, file, startOf } = await write(t);
    await log.append(group(5));
    const whole = readFileSync(file);
    for (let at = startOf(3); at < startOf(5); at++) {
      writeFileSync(file, withByteChanged(whole, at));
      await assert.rejects(readLog(folder, fresh), isDamage, `byte ${at}`);
    }
  });

  it('are damaged when the first was changed and a third overlaps the second: it was written after the first was stored', async (t) => {
    const { writes, openSegment } = createHeldSegments();
    const { folder, log, file } = await open(t, { openSegment });
    const first = log.append(group(1));
    const second = log.append(group(2));
    await until('two writes', () => writes.length === 2);
    writes[0]?.();
    await first;
    const third = log.append(group(3));
    await until('three writes', () => writes.length === 3);
    for (const proceed of writes) proceed();
    await Promise.all([second, third]);
    const whole = readFileSync(file);
    const bytes = encodeGroup({ epoch, sequence: 1, overlaps: false }, group(1)).length;
    for (const [sequence, kept] of [
      [1, undefined],
      [2, [1]],
      [3, [1, 2]],
    ] as const) {
      writeFileSync(file, withByteChanged(whole, headerBytes + sequence * bytes - 1));
      if (kept === undefined) await assert.rejects(readLog(folder, fresh), isDamage);
      else assert.deepEqual(await sequences(folder), kept);
    }
  });

  it('are damaged when the group before them was changed', async (t) => {
    const { folder, file, startOf } = await write(t);
    writeFileSync(file, withByteChanged(readFileSync(file), startOf(3) - 1));
    await assert.rejects(readLog(folder, fresh), isDamage);
  });

  it('are acknowledged in order, although the second is on disk first', async (t) => {
    const { writes, openSegment } = createHeldSegments();
    const { folder, log, stored } = await open(t, { openSegment });
    const first = log.append(group(1));
    const second = log.append(group(2));
    await until('two writes', () => writes.length === 2);
    writes[1]?.();
    await sleep(20);
    assert.deepEqual([stored, await sequences(folder)], [[], []]);
    writes[0]?.();
    await Promise.all([first, second]);
    assert.deepEqual(
      [stored, await sequences(folder)],
      [
        [1, 2],
        [1, 2],
      ],
    );
  });

  it('are both refused when the first fails, and only the second when the second fails', async (t) => {
    for (const failing of [0, 1]) {
      const { writes, openSegment } = createHeldSegments();
      const { folder, log, stored } = await open(t, { openSegment });
      const results = Promise.allSettled([log.append(group(1)), log.append(group(2))]);
      await until('two writes', () => writes.length === 2);
      writes.forEach((proceed, index) => proceed(index === failing ? new Error('EIO') : undefined));
      const expected = failing === 0 ? ['rejected', 'rejected'] : ['fulfilled', 'rejected'];
      assert.deepEqual(
        (await results).map(({ status }) => status),
        expected,
      );
      assert.deepEqual(await sequences(folder), failing === 0 ? [] : [1]);
      assert.deepEqual(stored, failing === 0 ? [] : [1]);
    }
  });

  it('end in order, each when its write has ended: the files may be closed then', async (t) => {
    for (const failing of [0, 1]) {
      const { writes, openSegment } = createHeldSegments();
      const { log } = await open(t, { openSegment });
      const ends: string[] = [];
      const note = (name: string, end: Promise<void>): Promise<unknown> =>
        end.then(
          () => ends.push(`${name} stored`),
          () => ends.push(`${name} failed`),
        );
      const all = [note('first', log.append(group(1))), note('second', log.append(group(2)))];
      await until('two writes', () => writes.length === 2);
      writes[failing]?.(new Error('EIO'));
      await sleep(20);
      assert.deepEqual(ends, failing === 0 ? ['first failed'] : []);
      writes[1 - failing]?.();
      await Promise.all(all);
      assert.deepEqual(ends, [failing === 0 ? 'first failed' : 'first stored', 'second failed']);
    }
  });

  it('are not on both sides of a change of files: the second waits until the first is stored', async (t) => {
    const { writes, openSegment } = createHeldSegments();
    const asked: number[][] = [];
    const { folder, log, stored, otherFile } = await open(t, {
      openSegment,
      checkpoint: async (sequence) => void asked.push([sequence, ...stored]),
    });
    const all = [1, 2, 3].map((place) => log.append(group(place, 1500)));
    await until('two writes', () => writes.length === 2);
    await sleep(20);
    assert.deepEqual([writes.length, asked], [2, []]);
    for (const proceed of writes) proceed();
    await until('three writes', () => writes.length === 3);
    assert.deepEqual(asked, [[2, 1, 2]]);
    writes[2]?.();
    await Promise.all(all);
    assert.deepEqual(await sequences(folder), [1, 2, 3]);
    assert.ok(hasGroup(readFileSync(otherFile), headerBytes, ({ sequence, overlaps }) => sequence === 3 && !overlaps));
  });
});
