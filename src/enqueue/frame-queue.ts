// Pushes that wait for a slot, and how they are packed: small pushes share a frame, a large push has a frame of its own. Where
// both wait they take turns, so that many batches do not keep single jobs waiting.
import type { Linked } from '../domain/chain.ts';
import { createFifo } from '../domain/fifo.ts';
import type { Job } from '../domain/job.ts';
import type { Outcome } from '../domain/producer.ts';

/** Jobs of one caller that leave in one frame. */
export interface PendingPush extends Linked<PendingPush> {
  readonly jobs: readonly Job[];
  readonly bytes: number;
  readonly pushedMs: number;
  readonly deadlineMs: number;
  /** `outcomes` has the outcomes of the whole frame. The outcomes of these jobs begin at `start`. */
  readonly settle: (outcomes: readonly Outcome[], start: number) => void;
}

export interface FrameQueueOptions {
  /** The most jobs that a frame of small pushes may have now. */
  frameJobsMax: () => number;
  frameBytesMax: number;
  /** Whether a push of this many jobs would get a frame of its own now. */
  isLarge: (jobs: number) => boolean;
}

export interface FrameQueue {
  readonly jobs: number;
  readonly bytes: number;
  readonly isEmpty: boolean;
  /** True when waiting longer could not make the next frame larger. */
  readonly hasFullFrame: boolean;
  /** The jobs that leave before a new push of this many jobs: all of its kind, small or large, and as many of the other kind. */
  jobsBefore(jobs: number): number;
  push(pending: PendingPush): void;
  /** The pending pushes of the next frame; at least one, unless the queue is empty. */
  takeFrame(): PendingPush[];
  /** Takes the oldest pending pushes for as long as they match. */
  takeWhile(matches: (oldest: PendingPush) => boolean): PendingPush[];
}

/** Pending pushes in their order, with the sums of their jobs and bytes. */
function createPushes() {
  const pushes = createFifo<PendingPush>();
  let jobs = 0;
  let bytes = 0;

  function take(): PendingPush {
    const pending = pushes.shift() as PendingPush;
    jobs -= pending.jobs.length;
    bytes -= pending.bytes;
    return pending;
  }

  return {
    get jobs() {
      return jobs;
    },
    get bytes() {
      return bytes;
    },
    get isEmpty() {
      return pushes.size === 0;
    },
    peek: pushes.peek,
    push(pending: PendingPush): void {
      jobs += pending.jobs.length;
      bytes += pending.bytes;
      pushes.push(pending);
    },
    /** The list must not be empty. */
    take,
    takeWhile(matches: (oldest: PendingPush) => boolean): PendingPush[] {
      const taken: PendingPush[] = [];
      for (let next; (next = pushes.peek()) && matches(next);) taken.push(take());
      return taken;
    },
  };
}

export function createFrameQueue({ frameJobsMax, frameBytesMax, isLarge }: FrameQueueOptions): FrameQueue {
  const small = createPushes();
  const large = createPushes();
  let isLargeNext = false;

  function packSmall(): PendingPush[] {
    const pushes: PendingPush[] = [];
    const jobsMax = frameJobsMax();
    let jobs = 0;
    let bytes = 0;
    for (let next; (next = small.peek());) {
      jobs += next.jobs.length;
      bytes += next.bytes + 1;
      if (pushes.length > 0 && (jobs > jobsMax || bytes > frameBytesMax)) break;
      pushes.push(small.take());
    }
    return pushes;
  }

  return {
    get jobs() {
      return small.jobs + large.jobs;
    },
    get bytes() {
      return small.bytes + large.bytes;
    },
    get isEmpty() {
      return small.isEmpty && large.isEmpty;
    },
    get hasFullFrame() {
      return !large.isEmpty || small.jobs >= frameJobsMax() || small.bytes >= frameBytesMax;
    },
    jobsBefore(jobs) {
      const [own, other] = isLarge(jobs) ? [large, small] : [small, large];
      return own.jobs + Math.min(other.jobs, own.jobs + frameJobsMax());
    },
    push(pending) {
      const takesFrame = isLarge(pending.jobs.length) || pending.bytes * 2 > frameBytesMax;
      (takesFrame ? large : small).push(pending);
    },
    takeFrame() {
      const takesLarge = !large.isEmpty && (small.isEmpty || isLargeNext);
      isLargeNext = !takesLarge;
      return takesLarge ? [large.take()] : packSmall();
    },
    takeWhile: (matches) => [...small.takeWhile(matches), ...large.takeWhile(matches)],
  };
}
