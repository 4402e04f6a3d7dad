// One queue: places from `head` (the next job to hand out) to `tail` (the next job to arrive). The first jobs are kept parsed,
// within a limit that all queues share. The others are on disk only, and are read page by page from a remembered key. Handing a
// job out moves `head`. Searching for the first key would be slow, because LevelDB steps over every deleted key.
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

/** The queue as it is stored. */
export interface QueueRecord {
  /** The number that begins the keys of this queue's chunks. */
  stream: number;
  head: number;
  /** The first place of the chunk that holds `head`: the first chunk that is still needed. */
  chunk: number;
  tail: number;
  paused: boolean;
}

export interface Queue {
  readonly name: string;
  readonly stream: number;
  /** @param jobs the jobs of the line; a job that is given as JSON is parsed when it is handed out */
  append(line: Buffer, jobs: readonly (FaktoryJob | string)[]): void;
  /** Undefined while the queue is empty, or while its next jobs are read; after that read `onReady` is called. */
  take(): { job: FaktoryJob; enqueuedMs: number; place: number } | undefined;
  size(): number;
  /** Age of the job at the head; 0 when the queue is empty. */
  latencyMs(): number;
  isPaused(): boolean;
  setPaused(paused: boolean): void;
  /** One page of the chunks between two places. */
  page(from: number, to: number): Promise<StoreRecord[]>;
  /** The record that is stored with the next group. */
  record(): QueueRecord;
  /** Called before a group is written: adds this queue's changes to it. */
  finish(): void;
  /** Called when a group is on disk. A read that found nothing may find jobs now. */
  committed(): void;
  /** Called when the queue is gone. A read that is under way must then touch nothing. */
  dispose(): void;
}

interface QueueOptions {
  name: string;
  record: QueueRecord;
  store: Store;
  ledger: Ledger;
  clock: BrokerClock;
  window: Window;
  /** Called with the bytes of jobs that `finish` will add, besides the queue's record. */
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

  const hasMoreOnDisk = (): boolean => parsed.end() < tail.place();
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
        if (hasMoreOnDisk()) reader.readForWorker();
        return undefined;
      }
      if (hasMoreOnDisk() && parsed.isLow()) reader.read();
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
    committed: () => reader.committed(hasMoreOnDisk()),
    dispose() {
      reader.dispose();
      parsed.clear();
    },
  };
}
