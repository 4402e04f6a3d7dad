// The durable store: a log in front of LevelDB. A group is stored when it is in the log; LevelDB gets it later, in larger
// batches, and serves all reads. Every open begins an epoch: the groups of the log are brought to LevelDB's disk first, so that
// a log damaged by a failed write or sync is never read again (docs/decisions/0015-log-before-leveldb.md).
import { resolve } from 'node:path';
import { syncFolder } from '../../private-folder.ts';
import { openLevelStore, type LevelStore, type OpenLevelStore } from './level-store.ts';
import { hasLaterLog, makeLogFiles, readLog, startLog, type LogState } from './log.ts';
import { formatKey, metaKey, sealJson, unsealJson } from './records.ts';
import { openSegment, type OpenSegment } from './segment.ts';
import { damagedIn, StoreError, type Store, type StoreOperation } from './store.ts';
import { createWriteBehind } from './write-behind.ts';

/**
 * The record of the format, as it is stored. Format 1 had no log; the key of this record held its counters then. In format 2
 * the files of the log had no header. In format 3 no group overlaps another: a folder that was closed in order has this format,
 * and programs that know no overlapping groups open it.
 */
interface FormatRecord extends LogState {
  format: 2 | 3 | 4;
  /** The store was closed in order: the log holds nothing that LevelDB lacks. */
  closed: boolean;
}

export interface DurableStoreOptions {
  openLevel?: OpenLevelStore;
  openSegment?: OpenSegment;
  segmentBytes?: number;
}

/** A file of the log then holds some seconds of jobs at full speed, and is read in a tenth of a second at open. */
const segmentBytesDefault = 16 * 1024 * 1024;
const replayBytesMax = 4 * 1024 * 1024;
const lastKey = Buffer.alloc(5, 0xff);

const formatOperation = (record: Omit<FormatRecord, 'format'>): StoreOperation => ({
  type: 'put',
  key: formatKey,
  value: sealJson(formatKey, { format: record.closed ? 3 : 4, ...record }),
});

type Found = FormatRecord | { readonly format: 1; readonly queues?: number } | undefined;

async function readFormat(level: LevelStore, folder: string): Promise<Found> {
  const [first] = await level.page(Buffer.alloc(0), lastKey, 1, 1);
  if (!first) return undefined;
  const [key, value] = first;
  if (!key.equals(formatKey)) throw damagedIn(folder, 'the record of their format is missing');
  const record = unsealJson<{ format: number }>(key, value);
  if ([1, 2, 3, 4].includes(record.format)) return record as Found;
  throw new StoreError('failed', `the broker's data have the format ${record.format}, this program knows 1 to 4`);
}

async function bringUpToDate(level: LevelStore, folder: string, found: Found): Promise<void> {
  const hasLog = found !== undefined && found.format !== 1;
  if (await hasLaterLog(folder, hasLog ? found.epoch : -1)) {
    throw damagedIn(folder, 'there are groups in the log of which the database does not know');
  }
  if (hasLog) {
    const { format, epoch, synced, applied } = found;
    if (!found.closed) await replay(level, folder, found);
    // Stored before `makeLogFiles` writes headers over the first groups.
    if (format === 2) await level.write([formatOperation({ epoch, synced, applied, closed: true })], { sync: true });
    return;
  }
  if (!found) return;
  if (!('queues' in found)) {
    throw new StoreError(
      'failed',
      `the broker's data in ${folder} were written by an early version of this program, which did not count its queues: ` +
        'this one cannot tell whether all of them are there. Empty the folder with that version, or move it away',
    );
  }
  // Stored before there is a log, which a program of format 1 would not read.
  const meta: StoreOperation = { type: 'put', key: metaKey, value: sealJson(metaKey, found) };
  await level.write([meta, formatOperation({ epoch: 0, synced: 0, applied: 0, closed: true })], { sync: true });
}

async function replay(level: LevelStore, folder: string, found: FormatRecord): Promise<void> {
  const groups = await readLog(folder, found, found.format !== 2);
  let operations: StoreOperation[] = [];
  let bytes = 0;
  for (const group of groups) {
    for (const operation of group.operations) {
      operations.push(operation);
      bytes += operation.type === 'put' ? operation.value.length : 0;
    }
    if (bytes < replayBytesMax && group !== groups.at(-1)) continue;
    await level.write(operations, { sync: false });
    operations = [];
    bytes = 0;
  }
  await level.flush();
}

type OpenStore = Omit<Store, 'reopen' | 'close'> & { close(inOrder: boolean): Promise<void> };

async function open(folder: string, options: DurableStoreOptions, again: boolean): Promise<OpenStore> {
  const level = await (options.openLevel ?? openLevelStore)(folder, again);
  try {
    return await start(level, folder, options);
  } catch (error) {
    await level.close();
    throw error;
  }
}

async function start(level: LevelStore, folder: string, options: DurableStoreOptions): Promise<OpenStore> {
  const found = await readFormat(level, folder);
  await bringUpToDate(level, folder, found);
  await makeLogFiles(folder);
  await syncFolder(folder);
  // By the clock, so that LevelDB's files of an earlier day beside a later log do not use an epoch again.
  const epoch = Math.max(found && found.format !== 1 ? found.epoch + 1 : 0, Date.now());
  let synced = 0;
  const stateAt = (applied: number, closed = false) => formatOperation({ epoch, synced, applied, closed });
  await level.write([stateAt(0)], { sync: true });

  const behind = createWriteBehind(level, stateAt);
  const log = await startLog({
    folder,
    epoch,
    segmentBytes: options.segmentBytes ?? segmentBytesDefault,
    openSegment: options.openSegment ?? openSegment,
    untilRoom: behind.untilRoom,
    onStored: behind.add,
    checkpoint,
  });

  async function checkpoint(sequence: number, closed = false): Promise<void> {
    await behind.settle();
    await level.flush();
    synced = sequence;
    await behind.write([stateAt(sequence, closed)], { sync: true });
  }

  /** The store is closed once, although an open that fails is tried again. */
  let closing: Promise<void> | undefined;

  async function close(inOrder: boolean): Promise<void> {
    // First, so that the checkpoint of a full file does not write its record over that of the orderly end.
    await log.close();
    // Records that LevelDB does not take now stay in the log.
    await (inOrder ? checkpoint(log.sequence, true) : behind.settle()).catch(() => {});
    await level.close();
  }

  return {
    write: (operations) => log.append(operations),
    async get(keys) {
      // Records that LevelDB lacks are in memory: to look there costs no write.
      const found = keys.map((key) => behind.find(key));
      const values = await level.get(keys.filter((_, index) => found[index] === undefined));
      let next = 0;
      return found.map((operation) => {
        if (operation === undefined) return values[next++];
        return operation.type === 'put' ? operation.value : undefined;
      });
    },
    async page(from, to, recordsMax, bytesMax) {
      await behind.settle();
      return level.page(from, to, recordsMax, bytesMax);
    },
    async *records() {
      // All that was acknowledged; LevelDB takes the operations of whole groups at once.
      await behind.settle();
      yield* level.records(metaKey);
    },
    async clear(from, to) {
      await behind.settle();
      await level.clear(from, to);
    },
    close: (inOrder) => (closing ??= close(inOrder)),
  };
}

/** Rejects with `locked`, `damaged` or `failed`, each naming the folder. */
export async function openDurableStore(dataDir: string, options: DurableStoreOptions = {}): Promise<Store> {
  const folder = resolve(dataDir);
  let store = await open(folder, options, false);
  return {
    write: (operations) => store.write(operations),
    get: (keys) => store.get(keys),
    page: (from, to, recordsMax, bytesMax) => store.page(from, to, recordsMax, bytesMax),
    records: () => store.records(),
    clear: (from, to) => store.clear(from, to),
    async reopen() {
      await store.close(false);
      store = await open(folder, options, true);
    },
    close: () => store.close(true),
  };
}
