// The result store of the all-in-one process: a database with one writer. The records that come during a sync are the next
// group, which is synced once. Relies on classic-level (LevelDB): one process per folder.
import { isEnded, isWaiting, presentOf, type JobRecord, type ResultStore } from '../domain/results.ts';
import type { CopiedRecord } from '../domain/backup.ts';
import { readRecords } from '../level-records.ts';
import { openDatabase, openError } from './database.ts';
import { createGenerations, keyOf, metaKeyOf, metaRange, rangesOf, type Generation } from './generations.ts';
import { createLasting, type Lasting } from './lasting.ts';
import { createWaiters } from './waiters.ts';

export interface EmbeddedResultsOptions {
  /** The database's folder; made when it is missing. */
  dataDir: string;
  ttlSeconds: number;
  /** The latest so many jobs are kept, and up to an eighth more (records without an id: twice as many). */
  resultsMax: number;
  /** Milliseconds since 1970. */
  now?: () => number;
}

export interface EmbeddedResults extends ResultStore {
  /** For a copy: all records, in pages, with every id and record that came before. */
  records(): AsyncIterable<readonly CopiedRecord[]>;
}

/** Of enqueued jobs. */
interface Fresh {
  ids: readonly string[];
  records: readonly JobRecord[];
}

interface Put {
  records: readonly JobRecord[];
  /** Whether a record may replace the stored one. */
  may: (record: JobRecord, known: JobRecord | undefined) => boolean;
  /** @param isTaken whether all of them were stored */
  resolve: (isTaken: boolean) => void;
  reject: (error: unknown) => void;
}

const recordIn = (value: string): JobRecord => JSON.parse(value.slice(value.indexOf(':') + 1)) as JobRecord;

/** Ids that could not be written wait for the next write; more than these would only be memory. */
const idsHeldMax = 100_000;
/** Records that could not be written: about 10 MB. */
const recordsHeldMax = 20_000;
const isNews = (record: JobRecord, known: JobRecord | undefined): boolean => isEnded(record) || !isEnded(known);
/** A group of ids alone waits so long for more: with few callers a write for each frame would cost as much as the frame. */
const idsLingerMs = 20;
/** Records of one group: a limit of the time that a record waits for the sync. */
const groupMax = 2000;

/** Rejects with a text for the operator when the folder cannot be opened, for example because another process has it. */
export async function createEmbeddedResults(options: EmbeddedResultsOptions): Promise<EmbeddedResults> {
  const { now = Date.now, resultsMax } = options;
  const ttlMs = options.ttlSeconds * 1000;
  let db = await openDatabase(options.dataDir);
  const { kept, lasting } = await readKept();
  const generations = createGenerations({ kept, ttlMs, jobsMax: resultsMax });
  const waiters = createWaiters(get);
  /** Ids and records that are not written yet. */
  const heldIds = new Set<string>();
  const heldRecords = new Map<string, JobRecord>();
  let ids: string[] = [];
  const puts: Put[] = [];
  let isWriting = false;
  let hasFailed = false;
  let linger: NodeJS.Timeout | undefined;
  let written: Promise<void> = Promise.resolve();
  let dropping: Promise<void> = Promise.resolve();

  async function readKept(): Promise<{ kept: Generation[]; lasting: Lasting }> {
    try {
      const metas = await db.values(metaRange).all();
      return { kept: metas.map((text) => JSON.parse(text) as Generation), lasting: await createLasting(db, ttlMs) };
    } catch (error) {
      await db.close();
      throw openError(options.dataDir, error);
    }
  }

  async function get(jid: string): Promise<JobRecord | undefined> {
    const wanted = [...generations.newestFirst];
    const nowMs = now();
    // Looked up first: they may be written while the database is read.
    const held = heldRecords.get(jid) ?? (heldIds.has(jid) ? { job_id: jid, state: 'pending' as const } : undefined);
    const keys = [...wanted.map((one) => keyOf('r', one, jid)), ...wanted.map((one) => keyOf('i', one, jid))];
    if (lasting.isUsed) keys.push(lasting.keyOf(jid));
    // Also while the database is opened again: the records that are held here can be read.
    const values = await db.getMany(keys).catch((error: unknown) => {
      if (held) return [];
      throw error;
    });
    const found = values.findIndex((value) => value !== undefined && Number.parseInt(value, 36) + ttlMs > nowMs);
    const isRecord = found >= 0 && found < wanted.length;
    const record = isRecord ? recordIn(values[found] as string) : undefined;
    if (isEnded(record)) return record;
    const known = lasting.read(values[2 * wanted.length], nowMs) ?? record ?? held;
    if (known) return presentOf(known, nowMs);
    return found >= wanted.length && found < 2 * wanted.length ? { job_id: jid, state: 'pending' } : undefined;
  }

  /** A record of a job that has not ended must not replace an end. Such records are few: only they are compared before a write. */
  async function takenOf(group: readonly Put[]): Promise<{ records: JobRecord[]; refused: Set<Put> }> {
    const records = group.flatMap((put) => put.records);
    const refused = new Set<Put>();
    if (records.every(isEnded) && group.every(({ may }) => may === isNews)) return { records, refused };
    const looked = group.flatMap((put) => put.records.filter((one) => put.may !== isNews || !isEnded(one)));
    const known = new Map<string, JobRecord | undefined>();
    await Promise.all(looked.map(async ({ job_id }) => known.set(job_id, await get(job_id))));
    const taken: JobRecord[] = [];
    for (const put of group) {
      for (const record of put.records) {
        if (!put.may(record, known.get(record.job_id))) refused.add(put);
        else {
          taken.push(record);
          known.set(record.job_id, record);
        }
      }
    }
    return { records: taken, refused };
  }

  /** After a write that the disk refused, for example because it was full, LevelDB takes no more writes. */
  async function reopen(): Promise<void> {
    await db.close();
    db = await openDatabase(options.dataDir);
    hasFailed = false;
  }

  async function writeGroup(fresh: Fresh, records: readonly JobRecord[], sync: boolean): Promise<void> {
    const nowMs = now();
    const stamp = nowMs.toString(36);
    const generation = generations.current(nowMs);
    drop(generations.takeOld(nowMs));
    await lasting.sweep(db, nowMs);
    // A chained batch costs half of an array of operations.
    const batch = db.batch();
    for (const jid of fresh.ids) batch.put(keyOf('i', generation, jid), stamp);
    for (const record of fresh.records) lasting.put(batch, record, nowMs);
    for (const one of records) {
      if (isEnded(one)) {
        batch.put(keyOf('r', generation, one.job_id), `${stamp}:${JSON.stringify(one)}`);
        lasting.drop(batch, one);
        generation.entries++;
      } else lasting.put(batch, one, nowMs);
    }
    generation.entries += fresh.ids.length;
    batch.put(metaKeyOf(generation), JSON.stringify(generation));
    await batch.write({ sync });
  }

  function drop(old: readonly Generation[]): void {
    for (const generation of old) {
      dropping = dropping
        .then(async () => {
          for (const range of rangesOf(generation)) {
            await db.clear(range);
            await db.compactRange(range.gte, range.lt);
          }
          // Deleted last: after a crash the rest is found again.
          await db.del(metaKeyOf(generation));
        })
        .catch(() => undefined);
    }
  }

  async function write(): Promise<void> {
    isWriting = true;
    while (ids.length > 0 || heldRecords.size > 0 || puts.length > 0) {
      const fresh = { ids, records: [...heldRecords.values()] };
      const group = takeGroup();
      ids = [];
      try {
        if (hasFailed) await reopen();
        const { records, refused } = await takenOf(group);
        await writeGroup(fresh, records, group.length > 0);
        for (const jid of fresh.ids) heldIds.delete(jid);
        for (const { job_id } of fresh.records) heldRecords.delete(job_id);
        for (const put of group) put.resolve(!refused.has(put));
        for (const record of records) if (isEnded(record)) waiters.wake(record);
      } catch (error) {
        hasFailed = true;
        ids = [...fresh.ids, ...ids];
        for (const put of group) put.reject(error);
        // Retried with the next write: without a pause of our own nothing can spin here.
        if (puts.length === 0) break;
      }
    }
    isWriting = false;
  }

  function takeGroup(): Put[] {
    let records = 0;
    const end = puts.findIndex((put) => (records += put.records.length) > groupMax);
    return puts.splice(0, end === -1 ? puts.length : Math.max(1, end));
  }

  function startWriting(): void {
    clearTimeout(linger);
    linger = undefined;
    if (!isWriting) written = write();
  }

  function put(records: readonly JobRecord[], may: Put['may'] = isNews): Promise<boolean> {
    return new Promise((resolve, reject) => {
      puts.push({ records, may, resolve, reject });
      startWriting();
    });
  }

  drop(generations.takeOld(now()));
  return {
    get,
    wait: (jid, timeoutMs, signal) => waiters.wait(jid, timeoutMs, signal),
    put: async (records) => void (await put(records)),
    cancel: (record) => put([record], (_, known) => isWaiting(known)),
    // A write of its own, synced like that of a record.
    check: async () => void (await put([])),
    async *records() {
      await put([]);
      yield* readRecords(db);
    },
    remember(jobs) {
      for (const { jid, record } of jobs) {
        if (record) {
          if (heldRecords.size < recordsHeldMax) heldRecords.set(jid, record);
        } else if (heldIds.size < idsHeldMax) {
          heldIds.add(jid);
          ids.push(jid);
        }
      }
      linger ??= setTimeout(startWriting, idsLingerMs);
    },
    async close() {
      waiters.close();
      startWriting();
      await written;
      await dropping;
      await db.close();
    },
  };
}
