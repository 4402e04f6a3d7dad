// The tail of a queue. Arriving jobs are collected in a chunk until it is full or its group is written.
import type { BrokerClock } from '../clock.ts';
import { chunkBytesMax, chunkJobsMax, sealChunk, type Chunk } from './chunk.ts';
import type { FaktoryJob } from './job.ts';
import type { ParsedHead } from './parsed-head.ts';
import type { Ledger } from '../storage/ledger.ts';
import { streamKey } from '../storage/records.ts';

export interface TailChunk {
  /** The next job gets this place. */
  place(): number;
  /** @param head the place of the queue's next job */
  append(line: Buffer, jobs: readonly (FaktoryJob | string)[], head: number): void;
  /** Called before a group is written: puts the chunk, unless all its jobs were taken already. */
  close(head: number): void;
}

interface TailChunkOptions {
  stream: number;
  place: number;
  parsed: ParsedHead;
  ledger: Ledger;
  clock: BrokerClock;
}

export function createTailChunk({ stream, parsed, ledger, clock, ...options }: TailChunkOptions): TailChunk {
  let { place } = options;
  let open: { readonly chunk: Chunk; readonly lines: Buffer[]; count: number } | undefined;

  function begin(head: number): NonNullable<typeof open> {
    const chunk: Chunk = { first: place, enqueuedMs: clock.nowMs(), jobs: [], bytes: 0 };
    if (!parsed.holdGrowing(chunk) && head === place) parsed.setEnqueuedMs(chunk.enqueuedMs);
    return { chunk, lines: [], count: 0 };
  }

  function close(head: number): void {
    if (!open) return;
    const { chunk, count, lines } = open;
    open = undefined;
    if (parsed.endGrowth(head)) return;
    const key = streamKey(stream, chunk.first);
    ledger.put(key, sealChunk(key, count, chunk.enqueuedMs, lines));
  }

  return {
    place: () => place,
    append(line, jobs, head) {
      if (open && (open.count >= chunkJobsMax || open.chunk.bytes >= chunkBytesMax)) close(head);
      open ??= begin(head);
      open.lines.push(line);
      open.count += jobs.length;
      open.chunk.bytes += line.length;
      place += jobs.length;
      parsed.grow(jobs, line.length);
    },
    close,
  };
}
