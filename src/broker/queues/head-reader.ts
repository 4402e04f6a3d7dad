// Reads the jobs that follow the parsed head of a queue, page by page.
import { chunkBytesMax, chunkJobsMax, enqueuedMsOf, openChunk } from './chunk.ts';
import type { ParsedHead } from './parsed-head.ts';
import { placeOf, streamKey, streamStart } from '../storage/records.ts';
import { StoreError, type Store, type StoreRecord } from '../storage/store.ts';
import type { Window } from './window.ts';

export interface HeadReader {
  read(): void;
  /** Reads although the window is full, because a worker waits for a job. */
  readForWorker(): void;
  /** Called when a group is on disk. `hasMore`: the queue has jobs that are not held. */
  committed(hasMore: boolean): void;
  dispose(): void;
}

/**
 * - `starved`: the disk had no further jobs, and the next commit begins a read. It is the first state, so that the age of the
 *   head is read.
 * - `resting`: a call begins a read.
 * - `reading`: a read is under way, or waits for its turn.
 * - `overtaken`: a read is under way, and a group was committed that it may not see.
 * - `disposed`: the queue is gone, and a read under way touches nothing.
 *
 *     starved, resting → reading     a call; a commit while starved
 *     reading → overtaken            a commit
 *     overtaken → reading            the turn has come, or the read found nothing: it begins again
 *     reading, overtaken → resting   jobs were found, or the age of the head
 *     reading → starved              nothing was found
 */
type ReaderState = 'starved' | 'resting' | 'reading' | 'overtaken' | 'disposed';

interface HeadReaderOptions {
  /** The name of the queue. */
  name: string;
  stream: number;
  store: Store;
  parsed: ParsedHead;
  window: Window;
  onReady: () => void;
  onProblem: (error: unknown) => void;
}

export function createHeadReader(options: HeadReaderOptions): HeadReader {
  const { name, stream, store, parsed, window } = options;
  let state: ReaderState = 'starved';
  let isWanted = false;

  const isDisposed = (): boolean => state === 'disposed';
  const page = (recordsMax: number, bytesMax: number): Promise<StoreRecord[]> =>
    store.page(streamKey(stream, parsed.end()), streamStart(stream + 1), recordsMax, bytesMax);

  function read(): void {
    if (state !== 'starved' && state !== 'resting') return;
    state = 'reading';
    void window.inTurn(readInTurn);
  }

  async function readInTurn(): Promise<void> {
    if (isDisposed()) return;
    state = 'reading';
    try {
      await (window.isFull() && !isWanted ? readAge() : readPage());
    } catch (error) {
      if (isDisposed()) return;
      state = 'resting';
      options.onProblem(error);
    }
  }

  async function readAge(): Promise<void> {
    const [record] = parsed.enqueuedMs() === undefined ? await page(1, 1) : [];
    if (isDisposed()) return;
    if (record && !parsed.first() && placeOf(record[0]) === parsed.end()) parsed.setEnqueuedMs(enqueuedMsOf(...record));
    state = 'resting';
    if (isWanted) read();
  }

  async function readPage(): Promise<void> {
    if (window.isFull()) parsed.makeRoom();
    const records = await page(chunkJobsMax, chunkBytesMax);
    if (isDisposed()) return;
    for (const [key, value] of records) {
      const place = parsed.end();
      if (placeOf(key) !== place) throw new StoreError('damaged', `queue ${name} has a gap at ${place}`);
      parsed.hold(openChunk(place, key, value));
    }
    if (records.length === 0) {
      const isOvertaken = state === 'overtaken';
      state = 'starved';
      if (isOvertaken) read();
      return;
    }
    state = 'resting';
    isWanted = false;
    options.onReady();
  }

  return {
    read,
    readForWorker() {
      isWanted = true;
      read();
    },
    committed(hasMore) {
      if (state === 'reading') state = 'overtaken';
      else if (state === 'starved' && hasMore) read();
    },
    dispose() {
      state = 'disposed';
    },
  };
}
