// The database of the embedded results: the keys of a job's id and of its record, and the deletion of entries whose time is
// over.
import type { ClassicLevel } from 'classic-level';
import type { CopiedRecord } from '../domain/backup.ts';
import { isEnded, presentOf, type JobRecord } from '../domain/results.ts';
import { readRecords } from '../level-records.ts';
import { openDatabase, openError } from './database.ts';
import { createGenerations, metaKeyOf, metaRange, rangesOf, recordKeyOf, type Generation } from './generations.ts';
import { findId, putIds } from './id-records.ts';
import { createLasting, type Lasting } from './lasting.ts';
import type { FreshJobs } from './unwritten.ts';

export interface EmbeddedRecords {
  /** @param unwritten what is known of the job and is not in the database; it is returned when the database cannot be read */
  read(jid: string, unwritten: JobRecord | undefined): Promise<JobRecord | undefined>;
  write(fresh: FreshJobs, records: readonly JobRecord[], sync: boolean): Promise<void>;
  /** After a write that the disk refused, for example because it was full, LevelDB takes no more writes. */
  reopen(): Promise<void>;
  all(): AsyncIterable<readonly CopiedRecord[]>;
  close(): Promise<void>;
}

export interface EmbeddedRecordsOptions {
  /** Made when it is missing. */
  dataDir: string;
  ttlMs: number;
  jobsMax: number;
  /** Milliseconds since 1970. */
  now: () => number;
}

const recordIn = (value: string): JobRecord => JSON.parse(value.slice(value.indexOf(':') + 1)) as JobRecord;

async function readKept(db: ClassicLevel, dataDir: string, ttlMs: number): Promise<[Generation[], Lasting]> {
  try {
    const metas = await db.values(metaRange).all();
    return [metas.map((text) => JSON.parse(text) as Generation), await createLasting(db, ttlMs)];
  } catch (error) {
    await db.close();
    throw openError(dataDir, error);
  }
}

async function drop(db: ClassicLevel, generation: Generation): Promise<void> {
  for (const range of rangesOf(generation)) {
    await db.clear(range);
    await db.compactRange(range.gte, range.lt);
  }
  // Deleted last: after a crash the next start finds the generation and deletes the rest.
  await db.del(metaKeyOf(generation));
}

export async function openEmbeddedRecords(options: EmbeddedRecordsOptions): Promise<EmbeddedRecords> {
  const { dataDir, ttlMs, jobsMax, now } = options;
  let db = await openDatabase(dataDir);
  const [kept, lasting] = await readKept(db, dataDir, ttlMs);
  const generations = createGenerations({ kept, ttlMs, jobsMax });
  let dropping: Promise<void> = Promise.resolve();

  function dropOld(nowMs: number): void {
    for (const generation of generations.takeOld(nowMs))
      dropping = dropping.then(() => drop(db, generation)).catch(() => undefined);
  }

  dropOld(now());
  return {
    async read(jid, unwritten) {
      const wanted = [...generations.newestFirst];
      const nowMs = now();
      const keys = wanted.map((one) => recordKeyOf(one, jid));
      if (lasting.isUsed) keys.push(lasting.keyOf(jid));
      const values = await db.getMany(keys).catch((error: unknown) => {
        if (unwritten) return [];
        throw error;
      });
      const isKept = (value: string | undefined): boolean =>
        value !== undefined && Number.parseInt(value, 36) + ttlMs > nowMs;
      const found = values.slice(0, wanted.length).find(isKept);
      const record = found === undefined ? undefined : recordIn(found);
      if (isEnded(record)) return record;
      const known = lasting.read(values[wanted.length], nowMs) ?? record ?? unwritten;
      if (known) return presentOf(known, nowMs);
      for (const generation of wanted)
        if ((await findId(db, generation, jid)).some(isKept)) return { job_id: jid, state: 'pending' };
      return undefined;
    },
    async write(fresh, records, sync) {
      const nowMs = now();
      const stamp = nowMs.toString(36);
      const generation = generations.current(nowMs);
      dropOld(nowMs);
      await lasting.sweep(db, nowMs);
      // A chained batch costs half of an array of operations.
      const batch = db.batch();
      putIds(batch, generation, fresh.ids, stamp);
      for (const record of fresh.records) lasting.put(batch, record, nowMs);
      let entries = generation.entries + fresh.ids.length;
      for (const one of records) {
        if (isEnded(one)) {
          batch.put(recordKeyOf(generation, one.job_id), `${stamp}:${JSON.stringify(one)}`);
          lasting.drop(batch, one);
          entries++;
        } else lasting.put(batch, one, nowMs);
      }
      batch.put(metaKeyOf(generation), JSON.stringify({ ...generation, entries }));
      await batch.write({ sync });
      // After a write that failed the same entries come again.
      generation.entries = entries;
    },
    async reopen() {
      await db.close();
      db = await openDatabase(dataDir);
    },
    all: () => readRecords(db),
    async close() {
      await dropping;
      await db.close();
    },
  };
}
