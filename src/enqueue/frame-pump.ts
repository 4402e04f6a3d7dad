// Sends pending pushes in frames, as soon as a slot is free. On an idle path no push waits. A near broker gets large frames,
// a distant one has many frames in flight (docs/decisions/0003-group-commit.md).
import type { Clock, Timer } from '../domain/clock.ts';
import type { Job } from '../domain/job.ts';
import { refused } from '../domain/producer.ts';
import { createDrainRate } from './drain-rate.ts';
import { createFrameQueue, type FrameQueue, type PendingPush } from './frame-queue.ts';
import { createLoad, type Load, type LoadOptions } from './load.ts';
import type { Unsettled } from './unsettled.ts';

export interface FramePumpOptions extends LoadOptions {
  /** The most bytes of the encoded jobs of a frame. */
  frameBytesMax: number;
  /** Called as a frame is written, with its jobs and with how long the oldest have waited. */
  onWrite?: (jobs: readonly Job[], waitedMs: number) => void;
}

export interface FramePump {
  /** The pushes that are not written yet. */
  readonly waiting: FrameQueue;
  /** How many slices a batch of this many jobs is cut into. */
  slicesOf(jobs: number): number;
  /** How long a push of this many jobs would wait for its frame, were it made now; 0 while the rate is not known. */
  expectedWaitMs(jobs: number): number;
  readonly load: Pick<Load, 'silentMs'>;
  push(pending: PendingPush): void;
  /** See GroupCommit. */
  onSenderChange(): void;
  close(): void;
}

/** From this many waiting jobs on, a frame may leave before the end of the turn. A smaller frame costs more than it saves. */
const earlyFrameJobsMin = 16;

export function createFramePump(options: FramePumpOptions, unsettled: Unsettled): FramePump {
  const { sender, clock, frameJobsMax, frameBytesMax, onWrite } = options;
  const { capacity } = sender;
  const load = createLoad(options);
  const waiting = createFrameQueue({
    frameJobsMax: () => (capacity.syncsEachJob ? Math.min(frameJobsMax, Math.ceil(laneJobs())) : frameJobsMax),
    frameBytesMax,
    // A push of more than half a frame would seldom share the frame.
    isLarge: (jobs) => jobs * 2 > frameJobsMax || jobs >= laneJobs(),
  });
  const drainRate = createDrainRate(clock);
  const partialFrames = createPace(clock, () => schedule());
  const pumpAfterTurn = createAfterTurn(clock, pump);
  /** Jobs waited when the newest frame had left: a reply then shows how fast the broker takes jobs. */
  let leavesBehind = false;

  /** Jobs that each lane would get if those that wait, those in flight and `moreJobs` were spread evenly. */
  const laneJobs = (moreJobs = 0): number => load.laneJobs(waiting.jobs + moreJobs);

  const schedule = (): void => {
    if (!waiting.isEmpty) pumpAfterTurn();
  };

  function pump(): void {
    if (sender.downReason !== undefined) return refuseWaiting(sender.downReason);
    while (!waiting.isEmpty && sender.slots > 0) {
      if (!waiting.hasFullFrame && !partialFrames.leaveNowOrLater(load.partialWaitMs(waiting.jobs))) return;
      sendFrame(waiting.takeFrame());
    }
  }

  function sendFrame(pushes: readonly PendingPush[]): void {
    const jobs = pushes.length === 1 ? (pushes[0] as PendingPush).jobs : pushes.flatMap((pending) => pending.jobs);
    leavesBehind = !waiting.isEmpty;
    onWrite?.(jobs, clock.now() - (pushes[0] as PendingPush).pushedMs);
    load.sent(jobs.length);
    sender.send(jobs, (outcomes) => {
      drainRate.replied(jobs.length, leavesBehind || load.isBusy);
      load.replied(jobs.length);
      let start = 0;
      for (const pending of pushes) {
        unsettled.settle(pending, outcomes, start);
        start += pending.jobs.length;
      }
    });
  }

  function refuseWaiting(reason: Error): void {
    const outcome = refused('broker_unavailable', `the broker is away: ${reason.message}`);
    while (!waiting.isEmpty) for (const pending of waiting.takeFrame()) unsettled.settleAll(pending, outcome);
  }

  return {
    waiting,
    slicesOf: (jobs) => Math.max(Math.ceil(jobs / frameJobsMax), Math.floor(jobs / laneJobs(jobs))),
    expectedWaitMs: (jobs) => drainRate.waitMs(waiting.jobsBefore(jobs)),
    load,
    push(pending) {
      waiting.push(pending);
      // While more jobs are in flight than wait, the path is busy: the frame may grow until the end of the turn.
      if (waiting.jobs >= Math.max(earlyFrameJobsMin, load.jobs)) pump();
      schedule();
    },
    onSenderChange() {
      if (sender.downReason !== undefined) refuseWaiting(sender.downReason);
      schedule();
    },
    close: partialFrames.close,
  };
}

/** Calls `run` once after the input of this turn: requests that arrived together leave together. */
function createAfterTurn(clock: Clock, run: () => void): () => void {
  let isScheduled = false;
  const start = (): void => {
    isScheduled = false;
    run();
  };
  return () => {
    if (isScheduled) return;
    isScheduled = true;
    clock.soon(start);
  };
}

/** Decides when a frame that is not full may leave. Full frames do not ask: the wait counts from the last that was not full. */
function createPace(clock: Clock, onTime: () => void) {
  let lastMs = -Infinity;
  let timer: Timer | undefined;
  return {
    /** True when `waitMs` have passed since the last such frame. Otherwise `onTime` is called when they have passed. */
    leaveNowOrLater(waitMs: number): boolean {
      const now = clock.now();
      const leftMs = lastMs + waitMs - now;
      if (leftMs <= 0) {
        lastMs = now;
        return true;
      }
      timer?.cancel();
      timer = clock.after(leftMs, onTime);
      return false;
    },
    close: (): void => timer?.cancel(),
  };
}
