// Records that callers have put and that wait for the next group.
import { isEnded, type JobRecord } from '../domain/results.ts';

/** Whether a record may replace the stored one. */
type May = (record: JobRecord, known: JobRecord | undefined) => boolean;

export interface Put {
  readonly records: readonly JobRecord[];
  readonly may: May;
  /** @param isTaken whether all records of the put were stored */
  readonly resolve: (isTaken: boolean) => void;
  readonly reject: (error: unknown) => void;
}

export interface Puts {
  readonly count: number;
  /** Resolves when the group is stored. Without `may`, the record of a job that has not ended replaces no end. */
  add(records: readonly JobRecord[], may?: May): Promise<boolean>;
  /** Takes out the puts of the next group. */
  takeGroup(): Put[];
}

/** Records of one group: limits the time that a record waits for the sync. */
const groupMax = 2000;

const isNews: May = (record, known) => isEnded(record) || !isEnded(known);

export function createPuts(): Puts {
  const puts: Put[] = [];
  return {
    get count() {
      return puts.length;
    },
    add: (records, may = isNews) => new Promise((resolve, reject) => puts.push({ records, may, resolve, reject })),
    takeGroup() {
      let records = 0;
      const end = puts.findIndex((put) => (records += put.records.length) > groupMax);
      return puts.splice(0, end === -1 ? puts.length : Math.max(1, end));
    },
  };
}

/** The records of a group that may be written. Few records must be compared with stored ones, because most are ends. */
export async function compare(
  group: readonly Put[],
  get: (jid: string) => Promise<JobRecord | undefined>,
): Promise<{ records: JobRecord[]; refused: Set<Put> }> {
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
