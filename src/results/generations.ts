// Where entries lie in the embedded store, and which entries are deleted. Every key begins with the number of a generation.
// A new generation begins after an eighth of the limit or of the time to live. The oldest generation is deleted as a whole,
// by its range of keys. The store never searches for the oldest entry, so it never walks over keys that LevelDB has deleted
// but not yet removed.

export interface Generation {
  readonly number: number;
  readonly startedMs: number;
  /** Ids and records together. */
  entries: number;
}

export interface GenerationsOptions {
  /** The generations that the database holds, the oldest first. */
  kept: Generation[];
  ttlMs: number;
  jobsMax: number;
}

export interface Generations {
  /** Newest first. */
  readonly newestFirst: readonly Generation[];
  /** The generation that is written now. */
  current(nowMs: number): Generation;
  /** Takes out the generations that are over: beyond the latest `jobsMax` jobs, or older than `ttlMs`. */
  takeOld(nowMs: number): Generation[];
}

/** With more generations less is kept beyond the limits, and an id must be looked for in more places. */
const parts = 8;
/** A job's id and its record. */
const entriesPerJob = 2;

const name = (generation: number): string => generation.toString(16).padStart(8, '0');

export const idKeyOf = ({ number }: Generation, jid: string): string => `i${name(number)}${jid}`;
export const recordKeyOf = ({ number }: Generation, jid: string): string => `r${name(number)}${jid}`;
/** True for the record of a job that has ended. */
export const isRecordKey = (key: Buffer): boolean => key[0] === 'r'.charCodeAt(0);
export const metaKeyOf = ({ number }: Generation): string => `m${name(number)}`;
export const metaRange = { gte: 'm', lt: 'n' } as const;
export const rangesOf = ({ number }: Generation): { gte: string; lt: string }[] =>
  ['i', 'r'].map((kind) => ({ gte: kind + name(number), lt: kind + name(number + 1) }));

export function createGenerations({ kept, ttlMs, jobsMax }: GenerationsOptions): Generations {
  const newestFirst = [...kept].reverse();
  const partMs = ttlMs / parts;
  const entriesMax = jobsMax * entriesPerJob;

  return {
    newestFirst,
    current(nowMs) {
      const newest = newestFirst[0];
      if (newest && newest.entries < entriesMax / parts && nowMs - newest.startedMs < partMs) return newest;
      const next = { number: (newest?.number ?? 0) + 1, startedMs: nowMs, entries: 0 };
      newestFirst.unshift(next);
      return next;
    },
    takeOld(nowMs) {
      let entries = 0;
      // The newest generation that may go: newer ones hold enough jobs, or its last entry, written before the next one
      // began, is too old.
      const from = newestFirst.findIndex((generation, index) => {
        const isBeyond = entries >= entriesMax;
        entries += generation.entries;
        const endedMs = newestFirst[index - 1]?.startedMs ?? Infinity;
        return isBeyond || endedMs + ttlMs <= nowMs;
      });
      return from === -1 ? [] : newestFirst.splice(from);
    },
  };
}
