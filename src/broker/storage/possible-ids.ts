// Tells which ids a generation of keys (key-records.ts) may have, so that LevelDB is not asked for others. Generations of an
// earlier process are read in the background. Until that is done, any id counts as possible.
import type { BrokerClock } from '../clock.ts';
import { createIdFilter, type IdFilter } from './id-filter.ts';
import { bytesOfStream, streamStart } from './records.ts';
import type { Store } from './store.ts';

export interface PossibleIds {
  /** Starts an empty generation, which will get at most `recordsMax` records. */
  begin(stream: number, recordsMax: number): void;
  add(stream: number, id: string): void;
  /** False: there is certainly no record of this id. */
  mayHave(id: string): boolean;
  /** The streams of the generations that may have this id, newest first. */
  streamsOf(id: string): number[];
  drop(stream: number): void;
  /** Ends the reading. */
  dispose(): void;
}

interface Generation {
  readonly filter: IdFilter;
  /** All its ids are in the filter. */
  isComplete: boolean;
}

/** A page takes one to two milliseconds of the event loop. */
const pageRecordsMax = 1000;
const pageBytesMax = 1024 * 1024;
/** The pause between two pages: 1,000,000 keys take some 10 s, and a small part of the event loop. */
const pagePauseMs = 10;

export interface FoundGeneration {
  stream: number;
  recordsMax: number;
}

const mayHold = ({ isComplete, filter }: Generation, id: string): boolean => !isComplete || filter.mayHave(id);

/** @param found generations that have records */
export function createPossibleIds(store: Store, clock: BrokerClock, found: readonly FoundGeneration[]): PossibleIds {
  /** By stream, the oldest first. */
  const generations = new Map<number, Generation>();
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
      // The smallest key after the last one.
      from = Buffer.concat([last[0], Buffer.alloc(1)]);
      await pause();
    }
  }

  async function readAll(): Promise<void> {
    for (const { stream } of found) await read(stream);
  }

  for (const { stream, recordsMax } of found) begin(stream, recordsMax, false);
  // When reading fails, it is given up. The generations that are not read stay incomplete, and LevelDB is asked for their ids.
  readAll().catch(() => undefined);

  return {
    begin: (stream, recordsMax) => begin(stream, recordsMax, true),
    add: (stream, id) => generations.get(stream)?.filter.add(id),
    mayHave(id) {
      for (const known of generations.values()) if (mayHold(known, id)) return true;
      return false;
    },
    streamsOf: (id) => [...generations].flatMap(([stream, known]) => (mayHold(known, id) ? [stream] : [])).reverse(),
    drop: (stream) => void generations.delete(stream),
    dispose() {
      isDisposed = true;
      cancelPause();
    },
  };
}
