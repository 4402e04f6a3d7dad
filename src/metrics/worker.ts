// Workers and their handler processes.
import type { Registry } from 'prom-client';
import { secondsBuckets } from './http.ts';
import type { OperationLabel } from './jobs.ts';
import type { Names } from './names.ts';
import { readBy, readOne } from './read.ts';
import { createHistogram } from './tally.ts';

/** `expired` and `cancelled`: it was not run. */
export type WorkerOutcome = 'succeeded' | 'failed' | 'expired' | 'cancelled';

export interface WorkerReading {
  /** Jobs that may run at once. */
  slots: number;
  /** FETCHes without a reply. */
  fetching: number;
  /** Jobs in handler processes. */
  running: number;
  /** Jobs that ran and are not stored yet. */
  storing: number;
  /** ACKs and FAILs without a reply. */
  reporting: number;
  /** Seconds since 1970 of the last reply to a FETCH and to a BEAT; undefined before the first. */
  lastFetchSeconds: number | undefined;
  lastBeatSeconds: number | undefined;
}

export interface HandlersReading {
  /** Processes that take jobs, and those that are being started. */
  ready: number;
  starting: number;
  /** Processes that ended by themselves, and those that were killed because they hung, since the start. */
  ended: number;
  replaced: number;
}

export interface WorkerMetrics {
  /** One job that a worker ran to its end. */
  workerJob(operation: OperationLabel, outcome: WorkerOutcome, seconds: number): void;
  /** From `enqueued_at` to the start of the job, by the clocks of two machines. */
  queueWait(queue: string, seconds: number): void;
  /** Sets the function that is called when the page is read, and never otherwise. The function set last counts. */
  readWorker(read: () => Readonly<WorkerReading>): void;
  readHandlers(read: () => Readonly<HandlersReading>): void;
}

/** From a sum of two numbers to a job of minutes. */
const runSecondsBuckets = [0.00001, 0.0001, 0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800];
const waitSecondsBuckets = [...secondsBuckets.filter((seconds) => seconds >= 0.001), 60, 300, 1800, 7200, 86_400];

export function createWorkerMetrics(registry: Registry, queueNames: Names): WorkerMetrics {
  const runs = createHistogram({
    registry,
    name: 'work_factory_worker_job_duration_seconds',
    help: 'Run time of jobs; its count is the number of jobs that ended.',
    labelNames: ['operation', 'outcome'],
    buckets: runSecondsBuckets,
  });
  const waits = createHistogram({
    registry,
    name: 'work_factory_worker_queue_wait_seconds',
    help: 'From the time at which a job was queued to its start, by the clocks of broker and worker.',
    labelNames: ['queue'],
    buckets: waitSecondsBuckets,
  });
  const prepared = new Map<OperationLabel, Map<WorkerOutcome, (seconds: number) => void>>();
  const waitsOf = new Map<string, (seconds: number) => void>();
  let worker: (() => Readonly<WorkerReading>) | undefined;
  let handlers: (() => Readonly<HandlersReading>) | undefined;

  addWorkerGauges(registry, () => worker?.());
  addHandlerMetrics(registry, () => handlers?.());
  return {
    workerJob(operation, outcome, seconds) {
      let outcomes = prepared.get(operation);
      if (outcomes === undefined)
        prepared.set(operation, (outcomes = new Map<WorkerOutcome, (seconds: number) => void>()));
      let observe = outcomes.get(outcome);
      if (observe === undefined) outcomes.set(outcome, (observe = runs({ operation, outcome })));
      observe(seconds);
    },
    queueWait(queue, seconds) {
      const label = queueNames.labelOf(queue);
      let observe = waitsOf.get(label);
      if (observe === undefined) waitsOf.set(label, (observe = waits({ queue: label })));
      observe(seconds);
    },
    readWorker: (read) => void (worker = read),
    readHandlers: (read) => void (handlers = read),
  };
}

function addWorkerGauges(registry: Registry, read: () => Readonly<WorkerReading> | undefined): void {
  const ofSlots = { registry, name: 'work_factory_worker_slots', help: 'Jobs that may run at once in this worker.' };
  readOne(ofSlots, 'gauge', () => read()?.slots);
  const ofJobs = {
    registry,
    name: 'work_factory_worker_jobs',
    help: 'What the worker has in hand: FETCHes without a reply, jobs in handler processes, ends that are not stored, ACKs and FAILs without a reply.',
    labelNames: ['stage'] as const,
  };
  readBy(ofJobs, 'gauge', () => {
    const now = read();
    return now && { fetching: now.fetching, running: now.running, storing: now.storing, reporting: now.reporting };
  });
  const ofFetch = {
    registry,
    name: 'work_factory_worker_last_fetch_timestamp_seconds',
    help: 'When the broker last replied to a FETCH, with a job or without, in seconds since 1970.',
  };
  readOne(ofFetch, 'gauge', () => read()?.lastFetchSeconds);
  const ofBeat = {
    registry,
    name: 'work_factory_worker_last_beat_timestamp_seconds',
    help: 'When the broker last replied to a BEAT, in seconds since 1970.',
  };
  readOne(ofBeat, 'gauge', () => read()?.lastBeatSeconds);
}

function addHandlerMetrics(registry: Registry, read: () => Readonly<HandlersReading> | undefined): void {
  const ofProcesses = {
    registry,
    name: 'work_factory_handler_processes',
    help: 'Handler processes that take jobs (ready), and those that are being started.',
    labelNames: ['state'] as const,
  };
  readBy(ofProcesses, 'gauge', () => {
    const now = read();
    return now && { ready: now.ready, starting: now.starting };
  });
  const ofEnds = {
    registry,
    name: 'work_factory_handler_process_ends_total',
    help: 'Handler processes that ended by themselves (ended), or were killed because they hung (replaced).',
    labelNames: ['reason'] as const,
  };
  readBy(ofEnds, 'counter', () => {
    const now = read();
    return now && { ended: now.ended, replaced: now.replaced };
  });
}
