// How fast the broker works off jobs, by its answers, and only while it has more than enough to do: an idle path says nothing
// about its capacity, and a frame that has left may wait at the broker.
import type { Clock } from '../domain/clock.ts';

export interface DrainRate {
  /** The broker is done with so many jobs. */
  answered(jobs: number, isSaturated: boolean): void;
  /** How long it needs for so many jobs; 0 while that is not known. */
  waitMs(jobs: number): number;
}

/** Longer than a collection of garbage, short enough to see a flood before it has filled the queue. */
const windowMs = 100;
/** After so long without saturation the figure belongs to another time. */
const validMs = 5000;
/** A window that took so long held a pause of the broker; its figure ends with the backlog that the pause has left. */
const pauseMs = 1000;

export function createDrainRate(clock: Clock): DrainRate {
  // Begins and ends with an answer, so that answers in bunches, a round trip apart, are counted with the pauses between them.
  let windowStartMs: number | undefined;
  let windowJobs = 0;
  // Of the last two windows the lesser: after a pause a broker answers for many jobs at once.
  let jobsPerMs = Infinity;
  let jobsPerMsBefore = Infinity;
  let measuredMs = -Infinity;
  let hadPause = false;
  let hadPauseBefore = false;

  function startWindow(): void {
    windowStartMs = clock.now();
    windowJobs = 0;
  }

  return {
    answered(jobs, isSaturated) {
      if (!isSaturated) {
        windowStartMs = undefined;
        if (hadPause || hadPauseBefore) measuredMs = -Infinity;
        return;
      }
      if (windowStartMs === undefined) return startWindow();
      windowJobs += jobs;
      const elapsedMs = clock.now() - windowStartMs;
      if (elapsedMs < windowMs) return;
      hadPauseBefore = hadPause;
      hadPause = elapsedMs >= pauseMs;
      jobsPerMsBefore = jobsPerMs;
      jobsPerMs = windowJobs / elapsedMs;
      measuredMs = clock.now();
      startWindow();
    },
    waitMs(jobs) {
      return jobs === 0 || clock.now() - measuredMs > validMs ? 0 : jobs / Math.min(jobsPerMs, jobsPerMsBefore);
    },
  };
}
