// Pushes that wait for a slot, and how they are packed: small ones share a frame, a large one has a frame of its own. Where
// both wait they take turns, so that many batches do not keep single jobs waiting.
import type { Linked } from '../domain/chain.ts';
import { createFifo, type Fifo } from '../domain/fifo.ts';
import type { Job } from '../domain/job.ts';
import type { Outcome } from '../domain/producer.ts';

/** Jobs of one caller that leave in one frame. */
export interface PendingPush extends Linked<PendingPush> {
  readonly jobs: readonly Job[];
  readonly bytes: number;
  readonly pushedMs: number;
  readonly deadlineMs: number;
  /** `outcomes` are the whole frame's. The outcomes of these jobs begin at `start`. */
  readonly settle: (outcomes: readonly Outcome[], start: number) => void;
}

export interface FrameQueueOptions {
  /** Jobs of a frame of small pending pushes, at present. */
  frameJobsMax: () => number;
  frameBytesMax: number;
  /** Whether a pending push of so many jobs that comes now gets a frame of its own. */
  isLarge: (jobs: number) => boolean;
}

export interface FrameQueue {
  readonly jobs: number;
  readonly bytes: number;
  readonly isEmpty: boolean;
  /** True when waiting longer could not make the next frame larger. */
  readonly hasFullFrame: boolean;
  /** How many jobs would leave before a push of so many jobs that comes now: those of its kind, and as many of the other. */
  jobsBefore(jobs: number): number;
  push(pending: PendingPush): void;
  /** The pending pushes of the next frame; at least one, unless the queue is empty. */
  takeFrame(): PendingPush[];
  /** Takes the oldest pending pushes for as long as they match. */
  takeWhile(matches: (oldest: PendingPush) => boolean): PendingPush[];
}

export function createFrameQueue({ frameJobsMax, frameBytesMax, isLarge }: FrameQueueOptions): FrameQueue {
  const small: Fifo<PendingPush> = createFifo();
  const large: Fifo<PendingPush> = createFifo();
  let smallJobs = 0;
  let smallBytes = 0;
  let largeJobs = 0;
  let largeBytes = 0;
  let isLargeNext = false;

  function takeSmall(): PendingPush {
    const pending = small.shift() as PendingPush;
    smallJobs -= pending.jobs.length;
    smallBytes -= pending.bytes;
    return pending;
  }

  function takeLarge(): PendingPush {
    const pending = large.shift() as PendingPush;
    largeJobs -= pending.jobs.length;
    largeBytes -= pending.bytes;
    return pending;
  }

  function packSmall(): PendingPush[] {
    const pushes: PendingPush[] = [];
    const jobsMax = frameJobsMax();
    let jobs = 0;
    let bytes = 0;
    for (let next; (next = small.peek());) {
      jobs += next.jobs.length;
      bytes += next.bytes + 1;
      if (pushes.length > 0 && (jobs > jobsMax || bytes > frameBytesMax)) break;
      pushes.push(takeSmall());
    }
    return pushes;
  }

  return {
    get jobs() {
      return smallJobs + largeJobs;
    },
    get bytes() {
      return smallBytes + largeBytes;
    },
    get isEmpty() {
      return small.size === 0 && large.size === 0;
    },
    get hasFullFrame() {
      return large.size > 0 || smallJobs >= frameJobsMax() || smallBytes >= frameBytesMax;
    },
    jobsBefore(jobs) {
      const [own, other] = isLarge(jobs) ? [largeJobs, smallJobs] : [smallJobs, largeJobs];
      return own + Math.min(other, own + frameJobsMax());
    },
    push(pending) {
      if (isLarge(pending.jobs.length) || pending.bytes * 2 > frameBytesMax) {
        largeJobs += pending.jobs.length;
        largeBytes += pending.bytes;
        return large.push(pending);
      }
      smallJobs += pending.jobs.length;
      smallBytes += pending.bytes;
      small.push(pending);
    },
    takeFrame() {
      const takesLarge = large.size > 0 && (small.size === 0 || isLargeNext);
      isLargeNext = !takesLarge;
      return takesLarge ? [takeLarge()] : packSmall();
    },
    takeWhile(matches) {
      const taken: PendingPush[] = [];
      for (let next; (next = small.peek()) && matches(next);) taken.push(takeSmall());
      for (let next; (next = large.peek()) && matches(next);) taken.push(takeLarge());
      return taken;
    },
  };
}
