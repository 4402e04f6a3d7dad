// One queue: places from `head` (the next job to hand out) to `tail` (the next to arrive). The head is kept parsed in a
// window, the rest is on disk only and is read page by page from a remembered key. To hand a job out is to move `head`,
// so the store never looks for a first key among deleted ones, which takes LevelDB a time that grows with them.
import type { BrokerClock } from '../clock.ts';
import { enqueuedMsOf, openChunk, sealChunk, type Chunk } from './chunk.ts';
import type { FaktoryJob } from './job.ts';
import type { Ledger } from '../storage/ledger.ts';
import { placeOf, queueKey, sealJson, streamKey, streamStart } from '../storage/records.ts';
import { StoreError, type Store, type StoreRecord } from '../storage/store.ts';
import type { Window } from './window.ts';

/** As stored. `chunk` is the key of the first chunk that is still needed: the one that holds `head`. */
export interface QueueRecord {
  stream: number;
  head: number;
  chunk: number;
  tail: number;
  paused: boolean;
}

export interface Queue {
  readonly name: string;
  readonly stream: number;
  /** `jobs` are what is in the line; one given as its JSON is parsed when it is handed out. */
  append(line: Buffer, jobs: readonly (FaktoryJob | string)[]): void;
  /** Undefined: there is none, or it must be read first and `onReady` will follow. */
  take(): { job: FaktoryJob; enqueuedMs: number; place: number } | undefined;
  size(): number;
  /** Age of the job at the head; 0 when the queue is empty. */
  latencyMs(): number;
  isPaused(): boolean;
  setPaused(paused: boolean): void;
  /** Chunks on disk from this place on, some at a time. */
  page(from: number, to: number): Promise<StoreRecord[]>;
  /** As it is stored with the next group. */
  record(): QueueRecord;
  /** Puts what the group has changed. */
  finish(): void;
  /** A group was committed: what was missing on disk may be there now. */
  committed(): void;
  /** The queue is gone; a read under way must not touch anything. */
  dispose(): void;
}

interface QueueOptions {
  name: string;
  record: QueueRecord;
  store: Store;
  ledger: Ledger;
  clock: BrokerClock;
  window: Window;
  /** `size` in bytes is what `finish` will put for it. */
  onChanged: (size: number) => void;
  onReady: () => void;
  onProblem: (error: unknown) => void;
}

/** Enough that the next page is there before the window is empty, at any speed that one process reaches. */
const windowJobsMax = 4096;
/** A page, and so a chunk, is read into memory as a whole; a page is about 4,000 small jobs. */
const chunkJobsMax = 1000;
const chunkBytesMax = 512 * 1024;

export function createQueue(options: QueueOptions): Queue {
  const { name, store, ledger, clock, window } = options;
  const { stream } = options.record;
  const holders = (window.holders ??= new Set());
  let { head, tail, paused } = options.record;
  /** The first place that is not in the window: everything from there to `tail` is on disk, or in `open`. */
  let windowEnd = options.record.chunk;
  const chunks: Chunk[] = [];
  let windowJobs = 0;
  /** The chunk that this group adds to, and its lines. */
  let open: { chunk: Chunk; count: number; lines: Buffer[]; held: boolean } | undefined;
  let reading = false;
  /** More must be read as soon as it is on disk; true at first, so that the head's age is known. */
  let starved = true;
  /** Somebody wants a job: a full window does not stop the read. */
  let wanted = false;
  /** When the head was enqueued, while it is not in the window; undefined when that is not known. */
  let headMs: number | undefined;
  /** A group was committed during a read, which may not have seen it. */
  let missed = false;
  let disposed = false;

  function hold(chunk: Chunk): void {
    chunks.push(chunk);
    windowJobs += chunk.jobs.length;
    window.bytes += chunk.bytes;
    windowEnd = chunk.first + chunk.jobs.length;
    holders.delete(empty);
    holders.add(empty);
  }

  function drop(): Chunk {
    const chunk = chunks.shift() as Chunk;
    windowJobs -= chunk.jobs.length;
    window.bytes -= chunk.bytes;
    if (chunks.length === 0) holders.delete(empty);
    headMs = undefined;
    return chunk;
  }

  /** Another queue needs the room. What this group still adds to stays. */
  function empty(): void {
    const first = chunks[0];
    if (!first || open?.held) return;
    while (chunks.length > 0) drop();
    windowEnd = first.first;
    headMs = first.enqueuedMs;
  }

  const isFull = (): boolean => window.bytes >= window.bytesMax;

  function makeRoom(): void {
    for (const give of holders) {
      if (!isFull()) return;
      if (give !== empty) give();
    }
  }

  const endOf = (chunk: Chunk): number => chunk.first + chunk.jobs.length;

  function closeChunk(): void {
    if (!open) return;
    const { chunk, count, lines, held } = open;
    open = undefined;
    if (held && chunks[0] === chunk && head === endOf(chunk)) drop();
    else
      ledger.put(
        streamKey(stream, chunk.first),
        sealChunk(streamKey(stream, chunk.first), count, chunk.enqueuedMs, lines),
      );
  }

  function openNew(): NonNullable<typeof open> {
    const chunk: Chunk = { first: tail, enqueuedMs: clock.nowMs(), jobs: [], bytes: 0 };
    const held = windowEnd === tail && windowJobs < windowJobsMax && !isFull();
    if (held) hold(chunk);
    else if (head === tail) headMs = chunk.enqueuedMs;
    return { chunk, count: 0, lines: [], held };
  }

  function read(): void {
    if (reading || disposed) return;
    reading = true;
    window.turn = (window.turn ?? Promise.resolve()).then(readInTurn);
  }

  async function readInTurn(): Promise<void> {
    try {
      if (!disposed) await (isFull() && !wanted ? readAge() : readPage());
    } catch (error) {
      if (!disposed) options.onProblem(error);
      reading = false;
    }
  }

  async function readAge(): Promise<void> {
    starved = false;
    if (chunks.length === 0 && headMs === undefined) {
      const [record] = await store.page(streamKey(stream, windowEnd), streamStart(stream + 1), 1, 1);
      if (record && chunks.length === 0 && placeOf(record[0]) === windowEnd) headMs = enqueuedMsOf(...record);
    }
    reading = false;
    if (wanted) read();
  }

  async function readPage(): Promise<void> {
    missed = false;
    if (isFull()) makeRoom();
    const start = streamKey(stream, windowEnd);
    const records = await store.page(start, streamStart(stream + 1), chunkJobsMax, chunkBytesMax);
    if (disposed) return;
    for (const [key, value] of records) {
      if (placeOf(key) !== windowEnd) throw new StoreError('damaged', `queue ${name} has a gap at ${windowEnd}`);
      hold(openChunk(windowEnd, key, value));
    }
    starved = records.length === 0;
    reading = false;
    if (starved) {
      if (missed) read();
      return;
    }
    wanted = false;
    options.onReady();
  }

  const queue: Queue = {
    name,
    stream,
    append(line, jobs) {
      if (open && (open.count >= chunkJobsMax || open.chunk.bytes >= chunkBytesMax)) closeChunk();
      open ??= openNew();
      open.lines.push(line);
      open.count += jobs.length;
      open.chunk.bytes += line.length;
      tail += jobs.length;
      if (open.held) {
        for (const job of jobs) open.chunk.jobs.push(job);
        windowJobs += jobs.length;
        window.bytes += line.length;
        windowEnd = tail;
      }
      options.onChanged(line.length);
    },
    take() {
      const chunk = chunks[0];
      const none = !chunk || head >= endOf(chunk);
      if (windowEnd < tail) {
        if (none) wanted = true;
        if (none || (windowJobs < windowJobsMax / 2 && !isFull())) read();
      }
      if (none) return undefined;
      const place = head++;
      const job = chunk.jobs[place - chunk.first] as FaktoryJob | string;
      if (head === endOf(chunk) && chunk !== open?.chunk) ledger.del(streamKey(stream, drop().first));
      options.onChanged(0);
      return {
        job: typeof job === 'string' ? (JSON.parse(job) as FaktoryJob) : job,
        enqueuedMs: chunk.enqueuedMs,
        place,
      };
    },
    size: () => tail - head,
    latencyMs: () =>
      tail === head ? 0 : Math.max(0, clock.nowMs() - (chunks[0]?.enqueuedMs ?? headMs ?? clock.nowMs())),
    isPaused: () => paused,
    setPaused(value) {
      paused = value;
      options.onChanged(0);
    },
    page: (from, to) => store.page(streamKey(stream, from), streamKey(stream, to), chunkJobsMax, chunkBytesMax),
    record: () => ({ stream, head, chunk: chunks[0]?.first ?? windowEnd, tail, paused }),
    finish() {
      closeChunk();
      const key = queueKey(name);
      ledger.put(key, sealJson(key, queue.record()));
    },
    committed() {
      missed = reading;
      if (starved && windowEnd < tail) read();
    },
    dispose() {
      disposed = true;
      while (chunks.length > 0) drop();
    },
  };
  return queue;
}
