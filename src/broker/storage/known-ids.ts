// For each generation of keys, which ids it certainly does not have. Generations that an earlier process began are read in the
// background; until the end of that they may have any id.
import type { BrokerClock } from '../clock.ts';
import { createIdFilter, type IdFilter } from './id-filter.ts';
import { bytesOfStream, streamStart } from './records.ts';
import type { Store } from './store.ts';

export interface KnownIds {
  /** A generation without records, which will have so many at most. */
  begin(stream: number, recordsMax: number): void;
  add(stream: number, id: string): void;
  /** False: there is certainly no record of this id. */
  mayHave(id: string): boolean;
  /** Of the generations that may have a record of this id, the newest first. */
  streamsOf(id: string): number[];
  drop(stream: number): void;
  /** Reads nothing more. */
  dispose(): void;
}

interface Known {
  readonly filter: IdFilter;
  isComplete: boolean;
}

/** One to two milliseconds of the event loop for a page. */
const pageRecordsMax = 1000;
const pageBytesMax = 1024 * 1024;
/** Between two pages, so that reading 1,000,000 keys takes some 10 s and a small part of the event loop. */
const pagePauseMs = 10;

export interface FoundGeneration {
  stream: number;
  recordsMax: number;
}

const mayHave = ({ isComplete, filter }: Known, id: string): boolean => !isComplete || filter.mayHave(id);

/** @param found generations that have records */
export function createKnownIds(store: Store, clock: BrokerClock, found: readonly FoundGeneration[]): KnownIds {
  /** By stream, the oldest first. */
  const generations = new Map<number, Known>();
  let cancelPause: () => void = () => undefined;
  let isDisposed = false;

  const begin = (stream: number, recordsMax: number, isComplete: boolean): void =>
    void generations.set(stream, { filter: createIdFilter(recordsMax), isComplete });

  const pause = (): Promise<void> => new Promise((resolve) => (cancelPause = clock.after(pagePauseMs, resolve)));

  async function read(stream: number): Promise<void> {
    let from = streamStart(stream);
    for (;;) {
      const page = await store.page(from, streamStart(stream + 1), pageRecordsMax, pageBytesMax);
      const known = generations.get(stream);
      if (known === undefined || isDisposed) return;
      for (const [key] of page) known.filter.add(key.toString('latin1', bytesOfStream));
      const last = page.at(-1);
      if (last === undefined) return void (known.isComplete = true);
      from = Buffer.concat([last[0], Buffer.alloc(1)]);
      await pause();
    }
  }

  async function readAll(): Promise<void> {
    for (const { stream } of found) await read(stream);
  }

  for (const { stream, recordsMax } of found) begin(stream, recordsMax, false);
  // After a failure to read, LevelDB is asked for each id, as before the end of the reading.
  readAll().catch(() => undefined);

  return {
    begin: (stream, recordsMax) => begin(stream, recordsMax, true),
    add: (stream, id) => generations.get(stream)?.filter.add(id),
    mayHave(id) {
      for (const known of generations.values()) if (mayHave(known, id)) return true;
      return false;
    },
    streamsOf: (id) => [...generations].flatMap(([stream, known]) => (mayHave(known, id) ? [stream] : [])).reverse(),
    drop: (stream) => void generations.delete(stream),
    dispose() {
      isDisposed = true;
      cancelPause();
    },
  };
}
