// One queue: places from `head` (the next job to hand out) to `tail` (the next to arrive). The head is kept parsed in a
// window, the rest is on disk only and is read page by page from a remembered key. To hand a job out is to move `head`,
// so the store never looks for a first key among deleted ones, which takes LevelDB a time that grows with them.
import type { BrokerClock } from '../clock.ts';
import { chunkBytesMax, chunkJobsMax, endOf } from './chunk.ts';
import { createHeadReader } from './head-reader.ts';
import type { FaktoryJob } from './job.ts';
import { createParsedHead } from './parsed-head.ts';
import { createTailChunk } from './tail-chunk.ts';
import type { Ledger } from '../storage/ledger.ts';
import { queueKey, sealJson, streamKey } from '../storage/records.ts';
import type { Store, StoreRecord } from '../storage/store.ts';
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
  /** @param jobs the jobs of the line; a job that is given as JSON is parsed when it is handed out */
  append(line: Buffer, jobs: readonly (FaktoryJob | string)[]): void;
  /** Undefined: the queue is empty, or its head must be read first, and `onReady` follows. */
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
  /** `finish` will put so many bytes. */
  onChanged: (size: number) => void;
  onReady: () => void;
  onProblem: (error: unknown) => void;
}

export function createQueue(options: QueueOptions): Queue {
  const { name, store, ledger, clock, window, onReady, onProblem } = options;
  const { stream } = options.record;
  let { head, paused } = options.record;
  const parsed = createParsedHead(options.record.chunk, window);
  const tail = createTailChunk({ stream, place: options.record.tail, parsed, ledger, clock });
  const reader = createHeadReader({ name, stream, store, parsed, window, onReady, onProblem });

  const hasUnheld = (): boolean => parsed.end() < tail.place();
  const size = (): number => tail.place() - head;

  const record = (): QueueRecord => ({
    stream,
    head,
    chunk: parsed.first()?.first ?? parsed.end(),
    tail: tail.place(),
    paused,
  });

  return {
    name,
    stream,
    append(line, jobs) {
      tail.append(line, jobs, head);
      options.onChanged(line.length);
    },
    take() {
      const chunk = parsed.first();
      if (!chunk || head >= endOf(chunk)) {
        if (hasUnheld()) reader.readForWorker();
        return undefined;
      }
      if (hasUnheld() && parsed.isLow()) reader.read();
      const place = head++;
      const job = chunk.jobs[place - chunk.first] as FaktoryJob | string;
      if (head === endOf(chunk) && !parsed.isGrowing(chunk)) ledger.del(streamKey(stream, parsed.drop().first));
      options.onChanged(0);
      return {
        job: typeof job === 'string' ? (JSON.parse(job) as FaktoryJob) : job,
        enqueuedMs: chunk.enqueuedMs,
        place,
      };
    },
    size,
    latencyMs() {
      const nowMs = clock.nowMs();
      return size() === 0 ? 0 : Math.max(0, nowMs - (parsed.enqueuedMs() ?? nowMs));
    },
    isPaused: () => paused,
    setPaused(value) {
      paused = value;
      options.onChanged(0);
    },
    page: (from, to) => store.page(streamKey(stream, from), streamKey(stream, to), chunkJobsMax, chunkBytesMax),
    record,
    finish() {
      tail.close(head);
      const key = queueKey(name);
      ledger.put(key, sealJson(key, record()));
    },
    committed: () => reader.committed(hasUnheld()),
    dispose() {
      reader.dispose();
      parsed.clear();
    },
  };
}
