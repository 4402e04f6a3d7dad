// Records of jobs that have not ended, under keys of their own, because a record of a job that is scheduled or waits for a
// late attempt outlives many generations. There are no more such records than jobs in the broker. The key `j` with the id
// holds the record; a key `x` with an hour and the id says when to check whether the record's time is over.
import type { ClassicLevel } from 'classic-level';
import type { JobRecord } from '../domain/results.ts';
import { keptMs } from './lifetime.ts';

type Batch = Pick<ReturnType<ClassicLevel['batch']>, 'put' | 'del'>;

export interface Lasting {
  /** False while nothing was written: then nothing needs to be read. */
  readonly isUsed: boolean;
  keyOf(jid: string): string;
  /** The record of the key; undefined when there is none, or its time is over. */
  read(value: string | undefined, nowMs: number): JobRecord | undefined;
  put(batch: Batch, record: JobRecord, nowMs: number): void;
  /** Deletes the record of a job that has ended. */
  drop(batch: Batch, ended: JobRecord): void;
  /** Deletes some records whose time is over. Called by the writer, between two groups. */
  sweep(db: ClassicLevel, nowMs: number): Promise<void>;
}

const hourMs = 3_600_000;
/** Limits how long a sweep holds up the writer. A group seldom writes more records, so sweeps keep up. */
const sweepMax = 2000;

const hourKey = (hour: number): string => `x${hour.toString(16).padStart(8, '0')}`;
const keyOf = (jid: string): string => `j${jid}`;
const stampOf = (value: string | undefined): number => Number.parseInt(value ?? '0', 36);
const hourChars = hourKey(0).length;

export async function createLasting(opened: ClassicLevel, ttlMs: number): Promise<Lasting> {
  let isUsed = (await opened.keys({ gte: 'x', lt: 'y', limit: 1 }).all()).length > 0;
  /** Where the next sweep begins: keys that were deleted need not be walked over again. */
  let from = 'x';

  return {
    get isUsed() {
      return isUsed;
    },
    keyOf,
    read(value, nowMs) {
      if (value === undefined || stampOf(value) <= nowMs) return undefined;
      return JSON.parse(value.slice(value.indexOf(':') + 1)) as JobRecord;
    },
    put(batch, record, nowMs) {
      const untilMs = nowMs + keptMs(record, ttlMs, nowMs);
      isUsed = true;
      batch.put(keyOf(record.job_id), `${untilMs.toString(36)}:${JSON.stringify(record)}`);
      batch.put(hourKey(Math.floor(untilMs / hourMs) + 1) + record.job_id, '');
    },
    drop(batch, ended) {
      if (!isUsed) return;
      const { job_id, state, attempts, at, started_at } = ended;
      // Most jobs succeed at their first attempt and have no such record: to delete it would cost each of them a tombstone.
      const mayBeKept = state !== 'succeeded' || attempts !== 1 || at !== undefined || started_at !== undefined;
      if (mayBeKept) batch.del(keyOf(job_id));
    },
    async sweep(db, nowMs) {
      const before = hourKey(Math.floor(nowMs / hourMs));
      if (!isUsed || from >= before) return;
      const marks = await db.keys({ gte: from, lt: before, limit: sweepMax }).all();
      const keys = marks.map((mark) => keyOf(mark.slice(hourChars)));
      const values = await db.getMany(keys);
      const batch = db.batch();
      for (const mark of marks) batch.del(mark);
      for (const [index, value] of values.entries())
        if (value !== undefined && stampOf(value) <= nowMs) batch.del(keys[index] as string);
      await batch.write();
      from = marks.length < sweepMax ? before : (marks.at(-1) as string);
    },
  };
}
