// Ids and records of enqueued jobs on their way to the database. No caller waits for them.
import type { JobRecord, KnownJob } from '../domain/results.ts';

/** The jobs of one group. */
export interface FreshJobs {
  readonly ids: readonly string[];
  readonly records: readonly JobRecord[];
}

export interface Unwritten {
  isEmpty(): boolean;
  get(jid: string): JobRecord | undefined;
  /** Beyond the limits jobs are forgotten. */
  add(jobs: readonly KnownJob[]): void;
  /** Hands over what the next group writes. */
  take(): FreshJobs;
  /** The group is written. */
  remove(fresh: FreshJobs): void;
  /** The group is not written: the next one has them again. */
  putBack(fresh: FreshJobs): void;
}

const idsMax = 100_000;
/** About 10 MB. */
const recordsMax = 20_000;

export function createUnwritten(): Unwritten {
  const held = new Set<string>();
  const records = new Map<string, JobRecord>();
  /** The ids of `held` that are in no group. */
  let ids: string[] = [];
  return {
    isEmpty: () => ids.length === 0 && records.size === 0,
    get: (jid) => records.get(jid) ?? (held.has(jid) ? { job_id: jid, state: 'pending' } : undefined),
    add(jobs) {
      for (const { jid, record } of jobs) {
        if (record) {
          if (records.size < recordsMax) records.set(jid, record);
        } else if (held.size < idsMax) {
          held.add(jid);
          ids.push(jid);
        }
      }
    },
    take() {
      const fresh = { ids, records: [...records.values()] };
      ids = [];
      return fresh;
    },
    remove(fresh) {
      for (const jid of fresh.ids) held.delete(jid);
      for (const { job_id } of fresh.records) records.delete(job_id);
    },
    putBack(fresh) {
      ids = [...fresh.ids, ...ids];
    },
  };
}
