// The result store of the all-in-one process: a database of its own, written by one writer that groups what has come
// meanwhile, with one sync for all records of a group. Relies on classic-level (LevelDB): one process per folder.
import { isEnded, type JobRecord, type ResultStore } from '../domain/results.ts';
import { openDatabase, openError } from './database.ts';
import { createGenerations, keyOf, metaKeyOf, metaRange, rangesOf, type Generation } from './generations.ts';
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

interface Put {
  records: readonly JobRecord[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Ids that could not be written wait for the next write; more than these would only be memory. */
const idsHeldMax = 100_000;
/** Of one group: bounds how long a single record waits for others. */
const groupMax = 2000;

/** Rejects with a text for the operator when the folder cannot be opened, for example because another process has it. */
export async function createEmbeddedResults(options: EmbeddedResultsOptions): Promise<ResultStore> {
  const { now = Date.now, resultsMax } = options;
  const ttlMs = options.ttlSeconds * 1000;
  let db = await openDatabase(options.dataDir);
  const kept = await readGenerations();
  const generations = createGenerations({ kept, ttlMs, jobsMax: resultsMax });
  const waiters = createWaiters(get);
  /** Ids that are not written yet. */
  const heldIds = new Set<string>();
  let ids: string[] = [];
  const puts: Put[] = [];
  let isWriting = false;
  let hasFailed = false;
  let written: Promise<void> = Promise.resolve();
  let dropping: Promise<void> = Promise.resolve();

  async function readGenerations(): Promise<Generation[]> {
    try {
      return (await db.values(metaRange).all()).map((text) => JSON.parse(text) as Generation);
    } catch (error) {
      await db.close();
      throw openError(options.dataDir, error);
    }
  }

  async function get(jid: string): Promise<JobRecord | undefined> {
    const wanted = [...generations.newestFirst];
    // Looked up first: it may be written while the database is read.
    const isHeld = heldIds.has(jid);
    const keys = [...wanted.map((one) => keyOf('r', one, jid)), ...wanted.map((one) => keyOf('i', one, jid))];
    // While the database is opened again, too: what is held here is known all the same.
    const values = await db.getMany(keys).catch((error: unknown) => {
      if (isHeld) return [];
      throw error;
    });
    const found = values.findIndex((value) => value !== undefined && Number.parseInt(value, 36) + ttlMs > now());
    if (found === -1) return isHeld ? { job_id: jid, state: 'pending' } : undefined;
    if (found >= wanted.length) return { job_id: jid, state: 'pending' };
    const value = values[found] as string;
    return JSON.parse(value.slice(value.indexOf(':') + 1)) as JobRecord;
  }

  /** Records of jobs that threw do not replace the record of an end; they are few. */
  async function withoutLatecomers(records: readonly JobRecord[]): Promise<readonly JobRecord[]> {
    if (records.every(isEnded)) return records;
    const ended = new Set(records.filter(isEnded).map(({ job_id }) => job_id));
    const isLate = async (one: JobRecord): Promise<boolean> =>
      !isEnded(one) && (ended.has(one.job_id) || isEnded(await get(one.job_id)));
    const lateness = await Promise.all(records.map(isLate));
    return records.filter((_, index) => !lateness[index]);
  }

  /** LevelDB takes no more writes after one that the disk refused, for example because it was full. */
  async function reopen(): Promise<void> {
    await db.close();
    db = await openDatabase(options.dataDir);
    hasFailed = false;
  }

  async function writeGroup(newIds: readonly string[], records: readonly JobRecord[], sync: boolean): Promise<void> {
    const nowMs = now();
    const stamp = nowMs.toString(36);
    const generation = generations.current(nowMs);
    drop(generations.takeOld(nowMs));
    // A chained batch costs half of an array of operations.
    const batch = db.batch();
    for (const jid of newIds) batch.put(keyOf('i', generation, jid), stamp);
    for (const one of records) batch.put(keyOf('r', generation, one.job_id), `${stamp}:${JSON.stringify(one)}`);
    generation.entries += newIds.length + records.length;
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
          // Last, so that what a crash leaves behind is found again.
          await db.del(metaKeyOf(generation));
        })
        .catch(() => undefined);
    }
  }

  async function write(): Promise<void> {
    isWriting = true;
    while (ids.length > 0 || puts.length > 0) {
      const newIds = ids;
      const group = takeGroup();
      ids = [];
      try {
        if (hasFailed) await reopen();
        const records = await withoutLatecomers(group.flatMap((put) => put.records));
        await writeGroup(newIds, records, group.length > 0);
        for (const jid of newIds) heldIds.delete(jid);
        for (const put of group) put.resolve();
        for (const record of records) if (isEnded(record)) waiters.wake(record);
      } catch (error) {
        hasFailed = true;
        ids = [...newIds, ...ids];
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
    if (!isWriting) written = write();
  }

  function put(records: readonly JobRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      puts.push({ records, resolve, reject });
      startWriting();
    });
  }

  drop(generations.takeOld(now()));
  return {
    get,
    wait: (jid, timeoutMs, signal) => waiters.wait(jid, timeoutMs, signal),
    put,
    // A write of its own, synced like that of a record.
    check: () => put([]),
    remember(jids) {
      for (const jid of jids.slice(0, idsHeldMax - heldIds.size)) {
        heldIds.add(jid);
        ids.push(jid);
      }
      startWriting();
    },
    async close() {
      waiters.close();
      await written;
      await dropping;
      await db.close();
    },
  };
}
