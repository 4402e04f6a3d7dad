// Jobs that were offered over HTTP, and the way to the broker: admission, group commit, frames.
import type { Registry } from 'prom-client';
import { secondsBuckets } from './http.ts';
import type { Names } from './names.ts';
import { readBy } from './read.ts';
import { createCounter, createOneHistogram, type Count } from './tally.ts';

/** `rejected` is the caller's fault; the others are the outcomes of jobs that were offered to the broker. */
const jobOutcomes = ['enqueued', 'duplicate', 'rejected', 'refused', 'unknown'] as const;
export type JobOutcome = (typeof jobOutcomes)[number];
/** The name of a type, or `other` for every job of no type of ours. */
export type OperationLabel = string;

export interface Pending {
  waitingJobs: number;
  waitingBytes: number;
  inFlightJobs: number;
  inFlightBytes: number;
}

/** Jobs that admission refused, by the limit that they met. */
export interface AdmissionRefusals {
  pending_jobs: number;
  pending_bytes: number;
  expected_wait: number;
}

export interface JobMetrics {
  /**
   * Counts jobs that were offered over HTTP, by their outcome.
   *
   * @param queue of a job that was rejected, none
   */
  job(operation: OperationLabel, outcome: JobOutcome, queue?: string, count?: number): void;
  /** Shows the series of a type with 0 before its first job: Prometheus sees no increase when a series begins above 0. */
  knowType(operation: OperationLabel, queue: string): void;
  /** The time that the oldest job of a frame has waited for it. */
  frameWait(seconds: number): void;
  /** Sets the function that is called when the page is read, and never otherwise. The function set last counts. */
  readPending(read: () => Readonly<Pending>): void;
  readAdmission(read: () => Readonly<AdmissionRefusals>): void;
}

type Counts = Record<JobOutcome, Count>;

const noQueue = 'none';

interface Readers {
  pending?: () => Readonly<Pending>;
  admission?: () => Readonly<AdmissionRefusals>;
}

function readByStage(registry: Registry, readers: Readers): void {
  const ofJobs = {
    registry,
    name: 'work_factory_pending_jobs',
    help: 'Jobs that wait for a frame or for its reply.',
    labelNames: ['stage'] as const,
  };
  readBy(ofJobs, 'gauge', () => {
    const now = readers.pending?.();
    return now && { waiting: now.waitingJobs, in_flight: now.inFlightJobs };
  });
  const ofBytes = {
    registry,
    name: 'work_factory_pending_bytes',
    help: 'The encoded size of these jobs.',
    labelNames: ['stage'] as const,
  };
  readBy(ofBytes, 'gauge', () => {
    const now = readers.pending?.();
    return now && { waiting: now.waitingBytes, in_flight: now.inFlightBytes };
  });
  const ofRefusals = {
    registry,
    name: 'work_factory_admission_refusals_total',
    help: 'Jobs refused at once as overloaded, by the limit that they met.',
    labelNames: ['limit'] as const,
  };
  readBy(ofRefusals, 'counter', () => readers.admission && { ...readers.admission() });
}

export function createJobMetrics(registry: Registry, queueNames: Names): JobMetrics {
  const jobs = createCounter({
    registry,
    name: 'work_factory_jobs_total',
    help: 'Jobs offered over HTTP, by what became of them. What was rejected has no queue (none).',
    labelNames: ['operation', 'queue', 'outcome'],
  });
  const waits = createOneHistogram({
    registry,
    name: 'work_factory_frame_wait_seconds',
    help: 'How long the oldest job of each frame has waited for it (group commit).',
    buckets: secondsBuckets,
  });
  const known = new Map<OperationLabel, Map<string, Counts>>();
  const readers: Readers = {};
  readByStage(registry, readers);

  function countsOf(operation: OperationLabel, queue: string): Counts {
    let queues = known.get(operation);
    if (queues === undefined) known.set(operation, (queues = new Map<string, Counts>()));
    const counts = queues.get(queue);
    if (counts !== undefined) return counts;
    const label = queue === noQueue ? noQueue : queueNames.labelOf(queue);
    // A name beyond the limit is not kept, so names that callers make up take no memory.
    if (label !== queue) return countsOf(operation, label);
    const made = Object.fromEntries(
      jobOutcomes
        .filter((outcome) => (outcome === 'rejected') === (queue === noQueue))
        .map((outcome) => [outcome, jobs({ operation, queue, outcome })]),
    ) as Counts;
    queues.set(queue, made);
    return made;
  }

  return {
    job(operation, outcome, queue = noQueue, count = 1) {
      countsOf(operation, outcome === 'rejected' ? noQueue : queue)[outcome].count += count;
    },
    knowType(operation, queue) {
      queueNames.know([queue]);
      countsOf(operation, queue);
      countsOf(operation, noQueue);
    },
    frameWait: waits,
    readPending: (read) => void (readers.pending = read),
    readAdmission: (read) => void (readers.admission = read),
  };
}
