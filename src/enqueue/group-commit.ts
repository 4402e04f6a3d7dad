// Many callers, few round trips: jobs that wait leave together in one frame as soon as a slot is free. Nothing waits on
// an idle path; a near broker gets large frames, a distant one many in flight (docs/decisions/0003-group-commit.md).
// Relies on a FrameSender below, and on deadlines that come in the order of the pushes.
import { createChain } from '../domain/chain.ts';
import type { Clock, Timer } from '../domain/clock.ts';
import type { Job } from '../domain/job.ts';
import { refused, unknown, type Outcome, type FrameSender, type JobProducer } from '../domain/producer.ts';
import { cutBatch } from './cut-batch.ts';
import { createDrainRate } from './drain-rate.ts';
import { createFrameQueue, type PendingPush } from './frame-queue.ts';

export interface GroupCommitOptions {
  sender: FrameSender;
  clock: Clock;
  frameJobsMax: number;
  /** Of the jobs' JSON in one frame. */
  frameBytesMax: number;
  /** How long a job may wait for a slot. */
  acquireTimeoutMs: number;
  /** How long a frame that is not full may wait although a slot is free, while another frame is in flight. */
  lingerMs: number;
  /** Called with a frame's jobs as it is written, and with how long its first ones have waited for it. */
  onWrite?: (jobs: readonly Job[], waitedMs: number) => void;
}

/** Deadlines are kept to this; the contract allows 250 ms. */
const sweepMs = 100;
/** A frame that is not full waits no longer for replies: the frames in flight may all be on connections that hang. */
const holdBackMsMax = 50;
/** From so many jobs on a frame may leave before the end of the turn; a smaller one costs more than the wait that it saves. */
const earlyFrameJobsMin = 16;
/** A frame's own cost outweighs the time that a smaller one would save. */
const sliceJobsMin = 10;
/** With so many full frames in flight the broker is busy, whether or not others wait for a slot: a flood is seen sooner. */
const busyFrames = 5;

export interface GroupCommit extends JobProducer {
  /** What has not been written yet. */
  readonly waiting: { readonly jobs: number; readonly bytes: number };
  /** How long a pending push of so many jobs that comes now will wait for its frame, as far as is known. */
  expectedWaitMs(jobs: number): number;
}

export function createGroupCommit(options: GroupCommitOptions): GroupCommit {
  const { sender, clock, frameJobsMax, frameBytesMax, acquireTimeoutMs, lingerMs } = options;
  const waiting = createFrameQueue({
    frameJobsMax: () => (sender.syncsEachJob ? Math.min(frameJobsMax, Math.ceil(laneJobs())) : frameJobsMax),
    frameBytesMax,
    isLarge: (jobs) => jobs * 2 > frameJobsMax || jobs >= laneJobs(),
  });
  const drainRate = createDrainRate(clock);
  // In the order of the pushes. A settled pending push leaves at once: behind one that hangs there may be a million others.
  const unsettled = createChain<PendingPush>();
  let isPumpScheduled = false;
  let sweepTimer: Timer | undefined;
  let lingerTimer: Timer | undefined;
  let isClosing = false;
  let allSettled: Promise<void> | undefined;
  let onAllSettled: () => void = () => undefined;
  // Full frames leave without waiting: they must not make those that wait do so longer.
  let lastPartialMs = -Infinity;
  let inFlightJobs = 0;
  /** The last frame did not hold all that waited. */
  let leavesBehind = false;

  /** Jobs of each lane if all were spread evenly, with so many more; no limit where there is only one. */
  function laneJobs(moreJobs = 0): number {
    const { lanes } = sender;
    return lanes === 1 ? Infinity : Math.max(sliceJobsMin, (inFlightJobs + waiting.jobs + moreJobs) / lanes);
  }

  function settle(pending: PendingPush, outcomes: readonly Outcome[], start: number): void {
    if (!unsettled.delete(pending)) return;
    pending.settle(outcomes, start);
    if (unsettled.first === undefined) onAllSettled();
  }

  const settleAll = (pending: PendingPush, outcome: Outcome): void =>
    settle(
      pending,
      pending.jobs.map(() => outcome),
      0,
    );

  function schedulePump(): void {
    if (isPumpScheduled || waiting.isEmpty) return;
    isPumpScheduled = true;
    // After the input of this turn: requests that arrived together leave together.
    clock.soon(() => {
      isPumpScheduled = false;
      pump();
    });
  }

  function pump(): void {
    if (sender.downReason !== undefined) return refuseWaiting(sender.downReason);
    while (!waiting.isEmpty && sender.slots > 0) {
      if (!waiting.hasFullFrame) {
        if (!mayLeavePartial()) return;
        lastPartialMs = clock.now();
      }
      sendFrame(waiting.takeFrame());
    }
  }

  function mayLeavePartial(): boolean {
    if (inFlightJobs === 0) return true;
    const isWorthIt = waiting.jobs >= inFlightJobs || sender.inFlight < sender.inFlightTarget;
    const waitMs = isWorthIt ? lingerMs : Math.max(lingerMs, holdBackMsMax);
    const leftMs = lastPartialMs + waitMs - clock.now();
    if (leftMs <= 0) return true;
    lingerTimer?.cancel();
    lingerTimer = clock.after(leftMs, schedulePump);
    return false;
  }

  function sendFrame(pushes: readonly PendingPush[]): void {
    const jobs = pushes.length === 1 ? (pushes[0] as PendingPush).jobs : pushes.flatMap((pending) => pending.jobs);
    leavesBehind = !waiting.isEmpty;
    options.onWrite?.(jobs, clock.now() - (pushes[0] as PendingPush).pushedMs);
    inFlightJobs += jobs.length;
    sender.send(jobs, (outcomes) => {
      drainRate.answered(jobs.length, leavesBehind || isBusy());
      inFlightJobs -= jobs.length;
      let start = 0;
      for (const pending of pushes) {
        settle(pending, outcomes, start);
        start += pending.jobs.length;
      }
    });
  }

  /** A long path holds many frames without being busy. */
  const isBusy = (): boolean => inFlightJobs >= busyFrames * frameJobsMax && sender.inFlight > sender.inFlightTarget;

  function refuseWaiting(reason: Error): void {
    const outcome = refused('broker_unavailable', `the broker is away: ${reason.message}`);
    while (!waiting.isEmpty) for (const pending of waiting.takeFrame()) settleAll(pending, outcome);
  }

  /** Ends what has waited too long for a slot, and answers every caller whose deadline has come. */
  function sweep(): void {
    sweepTimer = undefined;
    const now = clock.now();
    const isLate = ({ pushedMs, deadlineMs }: PendingPush): boolean =>
      pushedMs + acquireTimeoutMs <= now || deadlineMs <= now;
    for (const pending of waiting.takeWhile(isLate)) {
      settleAll(pending, refused('broker_unavailable', 'no connection to the broker had room in time'));
    }
    for (let pending; (pending = unsettled.first) && pending.deadlineMs <= now;) {
      // It was written, or it would have been taken above. The connection is left alone: its other frames must not become
      // unknown.
      settleAll(pending, unknown('no answer from the broker in time'));
    }
    if (unsettled.first) armSweep();
  }

  function armSweep(): void {
    sweepTimer ??= clock.after(sweepMs, sweep);
  }

  function enter(jobs: readonly Job[], bytes: number, deadlineMs: number, onSettled: PendingPush['settle']): void {
    const pending: PendingPush = {
      jobs,
      bytes,
      pushedMs: clock.now(),
      deadlineMs,
      settle: onSettled,
      before: undefined,
      after: undefined,
    };
    unsettled.add(pending);
    waiting.push(pending);
    armSweep();
    if (waiting.jobs >= Math.max(earlyFrameJobsMin, inFlightJobs)) pump();
    schedulePump();
  }

  function refusalNow(): Outcome | undefined {
    if (isClosing) return refused('shutting_down', 'the service is shutting down');
    const reason = sender.downReason;
    return reason && refused('broker_unavailable', `the broker is away: ${reason.message}`);
  }

  sender.onChange = () => {
    if (sender.downReason !== undefined) refuseWaiting(sender.downReason);
    schedulePump();
  };

  return {
    waiting,
    expectedWaitMs: (jobs) => drainRate.waitMs(waiting.jobsBefore(jobs)),
    push(job, deadlineMs) {
      const refusal = refusalNow();
      if (refusal) return Promise.resolve(refusal);
      return new Promise((resolve) =>
        enter([job], job.encodedBytes, deadlineMs, (outcomes, start) => resolve(outcomes[start] as Outcome)),
      );
    },
    pushBulk(jobs, deadlineMs) {
      const refusal = refusalNow();
      if (refusal || jobs.length === 0) return Promise.resolve(jobs.map(() => refusal as Outcome));
      const all = new Array<Outcome>(jobs.length);
      return new Promise((resolve) => {
        let missing = jobs.length;
        const slices = Math.max(Math.ceil(missing / frameJobsMax), Math.floor(missing / laneJobs(missing)));
        for (const { start, end, bytes } of cutBatch(jobs, slices, frameBytesMax)) {
          enter(jobs.slice(start, end), bytes, deadlineMs, (outcomes, offset) => {
            for (let index = start; index < end; index++) all[index] = outcomes[offset + index - start] as Outcome;
            missing -= end - start;
            if (missing === 0) resolve(all);
          });
        }
      });
    },
    ping: () => sender.ping(),
    async close() {
      isClosing = true;
      allSettled ??= new Promise((resolve) => (onAllSettled = resolve));
      if (unsettled.first) await allSettled;
      sweepTimer?.cancel();
      lingerTimer?.cancel();
      await sender.close();
    },
  };
}
