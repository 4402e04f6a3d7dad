// For each generation of keys, which ids it certainly does not have. Generations that an earlier process began are read in the
// background; until the end of that they may have any id.
import type { BrokerClock } from '../clock.ts';
import { createIdFilter, type IdFilter } from './id-filter.ts';
import { bytesOfStream, streamStart } from './records.ts';
import type { Store } from './store.ts';

export interface KnownIds {
  /** A generation without records. */
  begin(stream: number): void;
  add(stream: number, id: Buffer): void;
  /** False: the generation certainly has no record of this id. */
  mayHave(stream: number, id: Buffer): boolean;
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

/** @param found the streams of generations that have records */
export function createKnownIds(store: Store, clock: BrokerClock, found: readonly number[]): KnownIds {
  const generations = new Map<number, Known>();
  let cancelPause: () => void = () => undefined;
  let isDisposed = false;

  const begin = (stream: number, isComplete: boolean): void =>
    void generations.set(stream, { filter: createIdFilter(), isComplete });

  const pause = (): Promise<void> => new Promise((resolve) => (cancelPause = clock.after(pagePauseMs, resolve)));

  async function read(stream: number): Promise<void> {
    let from = streamStart(stream);
    for (;;) {
      const page = await store.page(from, streamStart(stream + 1), pageRecordsMax, pageBytesMax);
      const known = generations.get(stream);
      if (known === undefined || isDisposed) return;
      for (const [key] of page) known.filter.add(key.subarray(bytesOfStream));
      const last = page.at(-1);
      if (last === undefined) return void (known.isComplete = true);
      from = Buffer.concat([last[0], Buffer.alloc(1)]);
      await pause();
    }
  }

  async function readAll(): Promise<void> {
    for (const stream of found) await read(stream);
  }

  for (const stream of found) begin(stream, false);
  // After a failure to read, LevelDB is asked for each id, as before the end of the reading.
  readAll().catch(() => undefined);

  return {
    begin: (stream) => begin(stream, true),
    add: (stream, id) => generations.get(stream)?.filter.add(id),
    mayHave(stream, id) {
      const known = generations.get(stream);
      return known === undefined || !known.isComplete || known.filter.mayHave(id);
    },
    drop: (stream) => void generations.delete(stream),
    dispose() {
      isDisposed = true;
      cancelPause();
    },
  };
}
