// The jobs in flight, and how they shape the next frames.
import type { Clock } from '../domain/clock.ts';
import type { FrameSender } from '../domain/producer.ts';

export interface LoadOptions {
  sender: FrameSender;
  clock: Clock;
  frameJobsMax: number;
  /** How long a frame that is not full may wait although a slot is free, while another frame is in flight. */
  lingerMs: number;
}

export interface Load {
  readonly jobs: number;
  sent(jobs: number): void;
  replied(jobs: number): void;
  /** The broker has as many jobs as it can take. A long path holds many frames without being busy. */
  readonly isBusy: boolean;
  /** For how long no reply has come to the frames in flight; 0 when there are none. */
  readonly silentMs: number;
  /** Jobs of each lane if these jobs and those in flight were spread evenly; no limit where there is only one lane. */
  laneJobs(waitingJobs: number): number;
  /** How long after the last frame that was not full the next such frame may leave. */
  partialWaitMs(waitingJobs: number): number;
}

/** The longest time for which a frame that is not full is held back. All frames in flight may be on connections that hang. */
const holdBackMsMax = 50;
/** The fewest jobs of a lane: a smaller frame costs more than the time that it saves. */
const laneJobsMin = 10;
/** From this many full frames in flight on, the broker is busy, also when no job waits for a slot: a flood is seen sooner. */
const busyFrames = 5;

export function createLoad({ sender, clock, frameJobsMax, lingerMs }: LoadOptions): Load {
  const { capacity } = sender;
  let jobs = 0;
  let silentSinceMs = 0;
  return {
    get jobs() {
      return jobs;
    },
    sent(count) {
      if (jobs === 0) silentSinceMs = clock.now();
      jobs += count;
    },
    replied(count) {
      silentSinceMs = clock.now();
      jobs -= count;
    },
    get silentMs() {
      return jobs === 0 ? 0 : clock.now() - silentSinceMs;
    },
    get isBusy() {
      return jobs >= busyFrames * frameJobsMax && sender.inFlight > capacity.inFlightTarget;
    },
    laneJobs(waitingJobs) {
      const { lanes } = capacity;
      return lanes === 1 ? Infinity : Math.max(laneJobsMin, (jobs + waitingJobs) / lanes);
    },
    partialWaitMs(waitingJobs) {
      if (jobs === 0) return 0;
      const isWorthIt = waitingJobs >= jobs || sender.inFlight < capacity.inFlightTarget;
      return isWorthIt ? lingerMs : Math.max(lingerMs, holdBackMsMax);
    },
  };
}
