// Jobs that wait for a point in time: scheduled, to be retried, or dead until they are purged. They are on disk only, sorted by
// that time. In memory there is a count, and the key from which the next look starts (queue.ts says why).
import { createTurn } from './in-turn.ts';
import { createUnstoredKeys, lower } from './unstored-keys.ts';
import type { GroupOutcome, Ledger } from '../storage/ledger.ts';
import { bytesOfPlace, placeOf, seal, streamStart, timedKey, unseal } from '../storage/records.ts';
import type { Store } from '../storage/store.ts';

export interface JobSetRecord {
  stream: number;
  count: number;
}

/** The place of a job in its set. */
export interface TimedPlace {
  readonly dueMs: number;
  readonly sequence: number;
}

export interface TimedJob extends TimedPlace {
  /** The job's JSON. */
  readonly text: string;
}

export interface JobSet {
  /** @param text the job's JSON */
  add(dueMs: number, text: string): void;
  /** Takes out at most `jobsMax` jobs that are due, and gives each to `take`; resolves to how many. */
  takeDue(nowMs: number, jobsMax: number, take: (text: string) => void): Promise<number>;
  /**
   * Gives the next jobs, due or not, to `take`, beginning at the key `from` or at the first. `take` says whether a job is taken out.
   * @returns how many jobs were taken out, and the key to continue from; `next` is undefined at the end
   */
  takeWhere(
    from: Buffer | undefined,
    jobsMax: number,
    take: Take,
  ): Promise<{ taken: number; next: Buffer | undefined }>;
  /** Resolves to a page of the stored jobs from this place on, or from the first job. The page is empty only after the last job. */
  read(from: TimedPlace | undefined, jobsMax: number, bytesMax: number): Promise<TimedJob[]>;
  record(): JobSetRecord;
  /** Called when the set is gone. A look that is under way then finds nothing and touches nothing. */
  dispose(): void;
}

type Take = (text: string, sequence: number) => boolean;

interface JobSetOptions {
  record: JobSetRecord;
  store: Store;
  ledger: Ledger;
  nextSequence: () => number;
}

/** The most bytes of one look, which is read into memory as a whole. */
const lookBytesMax = 4 * 1024 * 1024;

export function createJobSet(options: JobSetOptions): JobSet {
  const { store, ledger } = options;
  const { stream } = options.record;
  let { count } = options.record;
  let from = streamStart(stream);
  const unstored = createUnstoredKeys(ledger);
  /** Resolves when the jobs that the last look took out are gone from disk. Before that, another look might see them again. */
  let removed: Promise<GroupOutcome> = Promise.resolve('stored');
  let disposed = false;
  /** A look begins when the look before it has ended. Otherwise two looks could find the same job and take it out twice. */
  const inTurn = createTurn();

  async function look(start: Buffer | undefined, to: Buffer, jobsMax: number, take: Take) {
    const none = { taken: 0, next: undefined };
    if (count === 0 || (await removed) !== 'stored' || disposed) return none;
    unstored.beginLook();
    // The next look begins at the first job that stays.
    let isHead = start === undefined || start.equals(from);
    let unseen: Buffer | undefined;
    const records = await store
      .page(start ?? from, to, jobsMax, lookBytesMax)
      .finally(() => (unseen = unstored.endLook()));
    if (disposed) return none;
    let taken = 0;
    let next: Buffer | undefined;
    for (const [key, value] of records) {
      const sequence = placeOf(key.subarray(bytesOfPlace));
      next = timedKey(stream, placeOf(key), sequence + 1);
      if (!take(unseal(key, value).toString(), sequence)) isHead = false;
      else {
        ledger.del(key);
        count--;
        taken++;
        if (isHead) from = next;
      }
    }
    if (taken > 0) removed = new Promise((resolve) => ledger.join({ settle: (_, end) => resolve(end) }));
    if (unseen) from = lower(unseen, from);
    return { taken, next };
  }

  return {
    add(dueMs, text) {
      const key = timedKey(stream, dueMs, options.nextSequence());
      ledger.put(key, seal(key, Buffer.from(text)));
      count++;
      unstored.add(key);
      // The clock was set back. Without this the new job would be behind the place where the last look ended.
      if (key.compare(from) < 0) from = key;
    },
    async takeDue(nowMs, jobsMax, take) {
      const to = timedKey(stream, nowMs + 1, 0);
      const { taken } = await inTurn(() => look(undefined, to, jobsMax, (text) => (take(text), true)));
      return taken;
    },
    takeWhere: (start, jobsMax, take) => inTurn(() => look(start, streamStart(stream + 1), jobsMax, take)),
    async read(start, jobsMax, bytesMax) {
      const first = start ? timedKey(stream, start.dueMs, start.sequence) : from;
      const records = await store.page(first, streamStart(stream + 1), jobsMax, bytesMax);
      return records.map(([key, value]) => timedJobOf(key, value));
    },
    record: () => ({ stream, count }),
    dispose() {
      disposed = true;
    },
  };
}

const timedJobOf = (key: Buffer, value: Buffer): TimedJob => ({
  dueMs: placeOf(key),
  sequence: placeOf(key.subarray(bytesOfPlace)),
  text: unseal(key, value).toString(),
});
