// Connects the API to a broker's FrameSender: admission, group commit, and their metrics.
import type { Config } from '../config/load.ts';
import type { Clock } from '../domain/clock.ts';
import type { FrameSender } from '../domain/producer.ts';
import type { ResultStore } from '../domain/results.ts';
import { createAdmission } from '../enqueue/admission.ts';
import { createGroupCommit, type GroupCommit } from '../enqueue/group-commit.ts';
import type { Metrics } from '../metrics/metrics.ts';

export interface ProducerParts {
  sender: FrameSender;
  clock: Clock;
  /** Keeps the ids of pending jobs. */
  results: Pick<ResultStore, 'remember'> | undefined;
  metrics: Metrics;
}

/** One initial TCP window (10 segments of 1,448 bytes) holds the frame and its FWP bytes: 100 jobs of the arithmetic. */
const frameBytesMax = 14_400;

/**
 * The share of the acquire timeout that a job may be expected to wait. The rest is for a broker that becomes slower: jobs that
 * were admitted must not be refused later.
 */
const acquireShare = 0.4;

export function openProducer(config: Config, { sender, clock, results, metrics }: ProducerParts): GroupCommit {
  const admission = createAdmission({
    pendingJobsMax: config.ENQUEUE_MAX_PENDING_JOBS,
    pendingBytesMax: config.ENQUEUE_MAX_PENDING_BYTES,
    waitMsMax: config.FAKTORY_ACQUIRE_TIMEOUT_MS * acquireShare,
  });
  const producer = createGroupCommit({
    sender,
    admission,
    clock,
    frameJobsMax: config.BATCH_MAX_SIZE,
    frameBytesMax,
    acquireTimeoutMs: config.FAKTORY_ACQUIRE_TIMEOUT_MS,
    lingerMs: config.BATCH_MAX_DELAY_MS,
    onWrite(jobs, waitedMs) {
      metrics.frameWait(waitedMs / 1000);
      results?.remember(jobs);
    },
  });
  const { waiting } = producer;
  metrics.readPending(() => ({
    waitingJobs: waiting.jobs,
    waitingBytes: waiting.bytes,
    inFlightJobs: admission.pendingJobs - waiting.jobs,
    inFlightBytes: admission.pendingBytes - waiting.bytes,
  }));
  metrics.readAdmission(() => admission.refusals);
  return producer;
}
