// The first jobs of a queue, kept parsed in whole chunks without gaps. Only the last chunk may still grow.
import { endOf, type Chunk } from './chunk.ts';
import type { FaktoryJob } from './job.ts';
import type { Window } from './window.ts';

export interface ParsedHead {
  first(): Chunk | undefined;
  /** The first place that is not held. Jobs from there on are on disk, or in a growing chunk that is not held. */
  end(): number;
  /** True while half of the room is free. */
  isLow(): boolean;
  /** When the job at the head was enqueued; undefined when that is not known. */
  enqueuedMs(): number | undefined;
  /** Only to be called while no chunk is held. */
  setEnqueuedMs(ms: number): void;
  hold(chunk: Chunk): void;
  /** Holds a chunk that grows. False: it does not follow the chunks that are held, or there is no room. */
  holdGrowing(chunk: Chunk): boolean;
  /** Adds to the chunk that grows, if it is held. */
  grow(jobs: readonly (FaktoryJob | string)[], bytes: number): void;
  isGrowing(chunk: Chunk): boolean;
  /** Called when the chunk grows no more. True: it was held, all its jobs were taken, and it is dropped. */
  endGrowth(head: number): boolean;
  /** Takes out the first chunk, which must be there. */
  drop(): Chunk;
  /** Empties the parsed heads of other queues. */
  makeRoom(): void;
  clear(): void;
}

/** With this many jobs the next page arrives before the head is empty, at any speed that one process reaches. */
const jobsMax = 4096;

/** @param start the first place of a chunk */
export function createParsedHead(start: number, window: Window): ParsedHead {
  const chunks: Chunk[] = [];
  let jobsHeld = 0;
  let end = start;
  let growing: Chunk | undefined;
  let unheldMs: number | undefined;

  function hold(chunk: Chunk): void {
    chunks.push(chunk);
    jobsHeld += chunk.jobs.length;
    window.add(chunk.bytes);
    end = endOf(chunk);
    window.filled(empty);
  }

  function drop(): Chunk {
    const chunk = chunks.shift() as Chunk;
    jobsHeld -= chunk.jobs.length;
    window.add(-chunk.bytes);
    if (chunks.length === 0) window.emptied(empty);
    unheldMs = undefined;
    return chunk;
  }

  /** Called when another queue needs the room. */
  function empty(): void {
    const [first] = chunks;
    if (!first || growing) return;
    while (chunks.length > 0) drop();
    end = first.first;
    unheldMs = first.enqueuedMs;
  }

  return {
    first: () => chunks[0],
    end: () => end,
    isLow: () => jobsHeld < jobsMax / 2 && !window.isFull(),
    enqueuedMs: () => chunks[0]?.enqueuedMs ?? unheldMs,
    setEnqueuedMs(ms) {
      unheldMs = ms;
    },
    hold,
    holdGrowing(chunk) {
      if (end !== chunk.first || jobsHeld >= jobsMax || window.isFull()) return false;
      hold(chunk);
      growing = chunk;
      return true;
    },
    grow(jobs, bytes) {
      if (!growing) return;
      for (const job of jobs) growing.jobs.push(job);
      jobsHeld += jobs.length;
      window.add(bytes);
      end += jobs.length;
    },
    isGrowing: (chunk) => chunk === growing,
    endGrowth(head) {
      const isOver = growing !== undefined && chunks[0] === growing && head === endOf(growing);
      growing = undefined;
      if (isOver) drop();
      return isOver;
    },
    drop,
    makeRoom: () => window.makeRoom(empty),
    clear() {
      while (chunks.length > 0) drop();
    },
  };
}
