// What waits for a slot, and how it is packed: small parcels share a frame, large ones have one each, and where both
// wait they take turns, so that a flood of batches does not starve single jobs.
import type { Linked } from '../domain/chain.ts';
import { createFifo, type Fifo } from '../domain/fifo.ts';
import type { Job } from '../domain/job.ts';
import type { Fate } from '../domain/producer.ts';

/** Jobs of one caller that leave in one frame. */
export interface Parcel extends Linked<Parcel> {
  readonly jobs: readonly Job[];
  readonly bytes: number;
  readonly pushedMs: number;
  readonly deadlineMs: number;
  /** `fates` are the whole frame's; this parcel's begin at `start`. */
  readonly settle: (fates: readonly Fate[], start: number) => void;
}

export interface FrameQueueOptions {
  /** Jobs of a frame of small parcels, at present. */
  frameJobsMax: () => number;
  frameBytesMax: number;
  /** Whether a parcel of so many jobs that comes now gets a frame of its own. */
  isLarge: (jobs: number) => boolean;
}

export interface FrameQueue {
  readonly jobs: number;
  readonly bytes: number;
  readonly isEmpty: boolean;
  /** True when waiting longer could not make the next frame larger. */
  readonly hasFullFrame: boolean;
  /** How many would leave before a parcel of so many that comes now: its own kind, and no more of the other in turn. */
  jobsBefore(jobs: number): number;
  push(parcel: Parcel): void;
  /** The parcels of the next frame; at least one, unless the queue is empty. */
  takeFrame(): Parcel[];
  /** Takes the oldest parcels for as long as they match. */
  takeWhile(matches: (oldest: Parcel) => boolean): Parcel[];
}

export function createFrameQueue({ frameJobsMax, frameBytesMax, isLarge }: FrameQueueOptions): FrameQueue {
  const small: Fifo<Parcel> = createFifo();
  const large: Fifo<Parcel> = createFifo();
  let smallJobs = 0;
  let smallBytes = 0;
  let largeJobs = 0;
  let largeBytes = 0;
  let isLargeNext = false;

  function takeSmall(): Parcel {
    const parcel = small.shift() as Parcel;
    smallJobs -= parcel.jobs.length;
    smallBytes -= parcel.bytes;
    return parcel;
  }

  function takeLarge(): Parcel {
    const parcel = large.shift() as Parcel;
    largeJobs -= parcel.jobs.length;
    largeBytes -= parcel.bytes;
    return parcel;
  }

  function packSmall(): Parcel[] {
    const parcels: Parcel[] = [];
    const jobsMax = frameJobsMax();
    let jobs = 0;
    let bytes = 0;
    for (let next; (next = small.peek());) {
      jobs += next.jobs.length;
      bytes += next.bytes + 1;
      if (parcels.length > 0 && (jobs > jobsMax || bytes > frameBytesMax)) break;
      parcels.push(takeSmall());
    }
    return parcels;
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
    push(parcel) {
      if (isLarge(parcel.jobs.length) || parcel.bytes * 2 > frameBytesMax) {
        largeJobs += parcel.jobs.length;
        largeBytes += parcel.bytes;
        return large.push(parcel);
      }
      smallJobs += parcel.jobs.length;
      smallBytes += parcel.bytes;
      small.push(parcel);
    },
    takeFrame() {
      const takesLarge = large.size > 0 && (small.size === 0 || isLargeNext);
      isLargeNext = !takesLarge;
      return takesLarge ? [takeLarge()] : packSmall();
    },
    takeWhile(matches) {
      const taken: Parcel[] = [];
      for (let next; (next = small.peek()) && matches(next);) taken.push(takeSmall());
      for (let next; (next = large.peek()) && matches(next);) taken.push(takeLarge());
      return taken;
    },
  };
}
