// Jobs that wait for a moment: scheduled, to be retried, or dead until they are purged. They are on disk only, sorted
// by their moment; in memory there is a count, and the key from which the next look starts (see queue.ts for why).
import type { GroupOutcome, Ledger } from './ledger.ts';
import { bytesOfPlace, placeOf, seal, streamStart, timedKey, unseal } from './records.ts';
import type { Store } from './store.ts';

export interface TimedSetRecord {
  stream: number;
  count: number;
}

export interface TimedSet {
  /** @param text the job's JSON */
  add(dueMs: number, text: string): void;
  /** Takes out at most `jobsMax` jobs that are due, and gives each to `take`; resolves to how many. */
  takeDue(nowMs: number, jobsMax: number, take: (text: string) => void): Promise<number>;
  record(): TimedSetRecord;
  /** Nothing may be touched any more; a look under way finds nothing. */
  dispose(): void;
}

interface TimedSetOptions {
  record: TimedSetRecord;
  store: Store;
  ledger: Ledger;
  nextSequence: () => number;
}

/** A look is read into memory as a whole. */
const lookBytesMax = 4 * 1024 * 1024;

export function createTimedSet(options: TimedSetOptions): TimedSet {
  const { store, ledger } = options;
  const { stream } = options.record;
  let { count } = options.record;
  let from = streamStart(stream);
  /** The lowest key of each group that is not on disk yet: a look does not see it, and must not move `from` past it. */
  let unstored: { readonly group: number; lowest: Buffer }[] = [];
  /** The lowest key that the look under way may not see. */
  let unseen: Buffer | undefined;
  /** What the last look took out is gone from disk: before that a look from an earlier key would see it again. */
  let removed: Promise<GroupOutcome> = Promise.resolve('stored');
  let looking = false;
  let disposed = false;

  const lower = (one: Buffer | undefined, other: Buffer): Buffer => (one && one.compare(other) < 0 ? one : other);

  const settler = {
    settle(ended: number) {
      unstored = unstored.filter(({ group }) => group > ended);
    },
  };

  function trackUnstored(key: Buffer): void {
    const group = ledger.join(settler);
    const last = unstored.at(-1);
    if (last?.group === group) last.lowest = lower(last.lowest, key);
    else unstored.push({ group, lowest: key });
    if (looking) unseen = lower(unseen, key);
  }

  return {
    add(dueMs, text) {
      const key = timedKey(stream, dueMs, options.nextSequence());
      ledger.put(key, seal(key, Buffer.from(text)));
      count++;
      trackUnstored(key);
      // The clock was set back: the new job would be behind the place where the last look ended.
      if (key.compare(from) < 0) from = key;
    },
    async takeDue(nowMs, jobsMax, take) {
      if (looking || count === 0) return 0;
      looking = true;
      try {
        if ((await removed) !== 'stored' || disposed) return 0;
        unseen = unstored.reduce<Buffer | undefined>((lowest, group) => lower(lowest, group.lowest), undefined);
        const records = await store.page(from, timedKey(stream, nowMs + 1, 0), jobsMax, lookBytesMax);
        if (disposed) return 0;
        for (const [key, value] of records) {
          take(unseal(key, value).toString());
          ledger.del(key);
          count--;
          from = timedKey(stream, placeOf(key), placeOf(key.subarray(bytesOfPlace)) + 1);
        }
        if (records.length > 0) removed = new Promise((resolve) => ledger.join({ settle: (_, end) => resolve(end) }));
        if (unseen) from = lower(unseen, from);
        return records.length;
      } finally {
        looking = false;
      }
    },
    record: () => ({ stream, count }),
    dispose() {
      disposed = true;
    },
  };
}
