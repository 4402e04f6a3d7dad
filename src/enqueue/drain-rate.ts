// How fast waiting jobs leave, measured only while some are left behind: an idle path says nothing about its capacity.
import type { Clock } from '../domain/clock.ts';

export interface DrainRate {
  /** A frame left; `isSaturated` when jobs still wait behind it. */
  left(jobs: number, isSaturated: boolean): void;
  /** How long a job that comes now will wait behind so many others; 0 while that is not known. */
  waitMs(jobsAhead: number): number;
}

/** Long enough for several frames of a slow broker, short enough to see a flood before it has filled the queue. */
const windowMs = 250;
/** After so long without saturation the figure belongs to another time. */
const validMs = 5000;

export function createDrainRate(clock: Clock): DrainRate {
  let wasSaturated = false;
  let windowStartMs = 0;
  let windowJobs = 0;
  let jobsPerMs = Infinity;
  let measuredMs = -Infinity;

  function startWindow(): void {
    windowStartMs = clock.now();
    windowJobs = 0;
  }

  return {
    left(jobs, isSaturated) {
      windowJobs += jobs;
      const elapsedMs = clock.now() - windowStartMs;
      if (!wasSaturated) startWindow();
      else if (elapsedMs >= windowMs) {
        jobsPerMs = windowJobs / elapsedMs;
        measuredMs = clock.now();
        startWindow();
      }
      wasSaturated = isSaturated;
    },
    waitMs(jobsAhead) {
      return jobsAhead === 0 || clock.now() - measuredMs > validMs ? 0 : jobsAhead / jobsPerMs;
    },
  };
}
