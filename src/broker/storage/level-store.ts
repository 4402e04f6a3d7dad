// LevelDB (classic-level), behind the log. LevelDB repairs some damage by leaving records out; recovery.ts finds that by
// counting. A folder that has lost its CURRENT is refused here, because LevelDB would take it for an empty folder.
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { readRecords } from '../../level-records.ts';
import { makePrivateFolder, syncFolder } from '../../private-folder.ts';
import { damagedIn, StoreError, type StoreOperation, type StoreRecord } from './store.ts';

type Database = ClassicLevel<Buffer, Buffer>;

export interface LevelStore {
  /** With `sync` it resolves when the batch survives a crash. LevelDB promises nothing of earlier batches (see `flush`). */
  write(operations: Iterable<StoreOperation>, options: { sync: boolean }): Promise<void>;
  /**
   * Writes all that is in memory into a table, and resolves when the table is synced. A synced write is not enough: LevelDB
   * begins another log when its memory is full, and does not sync the log before. It does not report an error of the flush; the
   * next write does.
   */
  flush(): Promise<void>;
  get(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]>;
  /** Records with from <= key < to in key order, as they are when it is called; at least one if there is one. */
  page(from: Buffer, to: Buffer, recordsMax: number, bytesMax: number): Promise<StoreRecord[]>;
  /** Records from this key on, in key order, as they are when the first page is asked for. */
  records(from: Buffer): AsyncIterable<readonly StoreRecord[]>;
  /** Deletes from <= key < to; a crash may leave some. */
  clear(from: Buffer, to: Buffer): Promise<void>;
  close(): Promise<void>;
}

/** @param again true: a store that is gone must not become a new, empty store */
export type OpenLevelStore = (folder: string, again?: boolean) => Promise<LevelStore>;

const behindAllKeys = Buffer.alloc(6, 0xff);

const databaseFile = /^(MANIFEST-\d+|\d+\.(ldb|sst|log))$/;

async function prepareFolder(folder: string): Promise<void> {
  await makePrivateFolder(folder);
  if (existsSync(join(folder, 'CURRENT'))) return;
  const files = await readdir(folder);
  if (files.some((file) => databaseFile.test(file))) throw damagedIn(folder, 'the file CURRENT is missing');
}

function causeOf(error: unknown): { code: string; message: string } {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code: unknown = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return { code: String(code), message: cause instanceof Error ? cause.message : String(cause) };
}

function openError(folder: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const { code, message } = causeOf(error);
  if (code === 'LEVEL_LOCKED') {
    return new StoreError('locked', `the data folder ${folder} is in use by another broker`, error);
  }
  // LevelDB calls a missing table an IO error, and a damaged file a corruption.
  return code === 'LEVEL_CORRUPTION'
    ? damagedIn(folder, message, error)
    : new StoreError('failed', `the broker's data in ${folder} cannot be opened: ${message}`, error);
}

/** A new ClassicLevel opens itself soon, so the folder must have been checked before. */
function createDatabase(folder: string): Database {
  return new ClassicLevel(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    // Jobs live for seconds, so less work now is worth more than a smaller file.
    compression: false,
    // Records that are deleted before the buffer is full never become a table.
    writeBufferSize: 8 * 1024 * 1024,
  });
}

async function openDatabase(folder: string): Promise<Database> {
  let db: Database | undefined;
  try {
    await prepareFolder(folder);
    db = createDatabase(folder);
    await db.open();
    await syncFolder(folder);
    await syncFolder(dirname(folder));
    return db;
  } catch (error) {
    await db?.close();
    throw openError(folder, error);
  }
}

async function readPage(db: Database, from: Buffer, to: Buffer, recordsMax: number, bytesMax: number) {
  const iterator = db.iterator({ gte: from, lt: to, fillCache: false, highWaterMarkBytes: 256 * 1024 });
  const records: StoreRecord[] = [];
  let bytes = 0;
  try {
    while (records.length < recordsMax && bytes < bytesMax) {
      const entries = await iterator.nextv(Math.min(recordsMax - records.length, 1000));
      if (entries.length === 0) break;
      for (const [key, value] of entries) bytes += key.length + value.length;
      records.push(...entries);
    }
  } finally {
    await iterator.close();
  }
  return records;
}

/** Rejects with `locked`, `damaged` or `failed`, each naming the folder. */
export const openLevelStore: OpenLevelStore = async (folder, again = false) => {
  if (again && !existsSync(join(folder, 'CURRENT'))) {
    throw new StoreError('damaged', `the broker's data in ${folder} are gone`);
  }
  const db = await openDatabase(folder);
  return {
    async write(operations, { sync }) {
      // Each operation by itself: an array would be copied object by object, at five times the cost.
      const batch = db.batch();
      for (const operation of operations) {
        if (operation.type === 'put') batch.put(operation.key, operation.value);
        else batch.del(operation.key);
      }
      await batch.write({ sync });
    },
    // There are no keys behind these. LevelDB writes its memory into a table, and has no table to compact.
    flush: () => db.compactRange(behindAllKeys, behindAllKeys),
    get: (keys) => db.getMany([...keys]),
    page: (from, to, recordsMax, bytesMax) => readPage(db, from, to, recordsMax, bytesMax),
    records: (from) => readRecords(db, from),
    clear: (from, to) => db.clear({ gte: from, lt: to }),
    close: () => db.close(),
  };
};
