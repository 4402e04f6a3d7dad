// How many jobs the broker takes in a millisecond, by its replies. It is measured only while more jobs wait than the broker
// takes: an idle path says nothing about its capacity.
import type { Clock } from '../domain/clock.ts';

export interface DrainRate {
  /** The broker has replied for this many jobs. */
  replied(jobs: number, isSaturated: boolean): void;
  /** Milliseconds that it needs for this many jobs; 0 while that is not known. */
  waitMs(jobs: number): number;
}

/** Longer than a collection of garbage, short enough to see a flood before it has filled the queue. */
const windowMs = 100;
/** After this long without more jobs than the broker takes, the measurement is too old. */
const validMs = 5000;
/** A window that took this long contains a pause of the broker: its rate counts only until the backlog of that pause is gone. */
const pauseMs = 1000;

export function createDrainRate(clock: Clock): DrainRate {
  // Begins and ends with a reply, so that bursts of replies are counted with the gaps between them.
  let windowStartMs: number | undefined;
  let windowJobs = 0;
  // The lower rate of the last two windows: after a pause a broker replies for many jobs at once.
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
    replied(jobs, isSaturated) {
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
