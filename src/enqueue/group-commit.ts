// Many callers, few round trips: admits jobs, and lets waiting jobs leave together (docs/decisions/0003-group-commit.md).
import type { Job } from '../domain/job.ts';
import { refused, type Outcome, type JobProducer } from '../domain/producer.ts';
import type { Admission } from './admission.ts';
import { cutBatch } from './cut-batch.ts';
import { createFramePump, type FramePumpOptions } from './frame-pump.ts';
import type { PendingPush } from './frame-queue.ts';
import { createSweep } from './sweep.ts';
import { createUnsettled } from './unsettled.ts';

export interface GroupCommitOptions extends FramePumpOptions {
  admission: Admission;
  /** How long a job may wait for a slot. */
  acquireTimeoutMs: number;
}

export interface GroupCommit extends JobProducer {
  /** The jobs that are not written yet. */
  readonly waiting: { readonly jobs: number; readonly bytes: number };
  /** To be called whenever the sender's slots, or its reason to be down, may have changed. */
  onSenderChange(): void;
}

const overloaded = refused('overloaded', 'too much work is waiting for the broker');
const closing = refused('shutting_down', 'the service is shutting down');

export function createGroupCommit(options: GroupCommitOptions): GroupCommit {
  const { sender, clock, admission, frameBytesMax, acquireTimeoutMs } = options;
  const unsettled = createUnsettled();
  const pump = createFramePump(options, unsettled);
  const sweep = createSweep({ clock, unsettled, pump, acquireTimeoutMs });
  let isClosing = false;

  function refusalOf(jobs: number, bytes: number): Outcome | undefined {
    if (admission.refuses(jobs, bytes, pump.expectedWaitMs(jobs))) return overloaded;
    if (isClosing) return closing;
    const { downReason } = sender;
    return downReason && refused('broker_unavailable', `the broker is away: ${downReason.message}`);
  }

  function enter(jobs: readonly Job[], bytes: number, deadlineMs: number, settle: PendingPush['settle']): void {
    const pushedMs = clock.now();
    const pending: PendingPush = { jobs, bytes, pushedMs, deadlineMs, settle, before: undefined, after: undefined };
    unsettled.add(pending);
    sweep.arm();
    pump.push(pending);
  }

  return {
    waiting: pump.waiting,
    onSenderChange: pump.onSenderChange,
    push(job, deadlineMs) {
      const bytes = job.encodedBytes;
      const refusal = refusalOf(1, bytes);
      if (refusal) return Promise.resolve(refusal);
      admission.enter(1, bytes);
      return new Promise((resolve) =>
        enter([job], bytes, deadlineMs, (outcomes, start) => {
          admission.leave(1, bytes);
          resolve(outcomes[start] as Outcome);
        }),
      );
    },
    pushBulk(jobs, deadlineMs) {
      const bytesOfAll = jobs.reduce((sum: number, job: Job) => sum + job.encodedBytes, 0);
      const refusal = refusalOf(jobs.length, bytesOfAll);
      if (refusal || jobs.length === 0) return Promise.resolve(jobs.map(() => refusal as Outcome));
      admission.enter(jobs.length, bytesOfAll);
      const all = new Array<Outcome>(jobs.length);
      return new Promise((resolve) => {
        let missing = jobs.length;
        for (const { start, end, bytes } of cutBatch(jobs, pump.slicesOf(missing), frameBytesMax)) {
          enter(jobs.slice(start, end), bytes, deadlineMs, (outcomes, offset) => {
            for (let index = start; index < end; index++) all[index] = outcomes[offset + index - start] as Outcome;
            missing -= end - start;
            if (missing > 0) return;
            admission.leave(jobs.length, bytesOfAll);
            resolve(all);
          });
        }
      });
    },
    ping: () => sender.ping(),
    async close() {
      isClosing = true;
      await unsettled.end();
      sweep.close();
      pump.close();
      await sender.close();
    },
  };
}
