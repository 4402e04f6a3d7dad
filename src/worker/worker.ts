// The worker: slots filled by pipelined FETCHes, results stored before the ACK, all that ended in one turn told in one
// go. Relies on src/faktory for connections that come back by themselves (docs/decisions/worker.md).
import { hostname } from 'node:os';
import type { JobRegistry } from '../domain/job-type.ts';
import type { ResultStore } from '../domain/results.ts';
import { FaktoryClient, type FaktoryClientOptions } from '../faktory/client.ts';
import type { OperationLabel, WorkerOutcome } from '../metrics.ts';
import { fetchesPerConnectionMax } from './fetch-lane.ts';
import { createFetcher } from './fetcher.ts';
import { createHeartbeat } from './heartbeat.ts';
import { createJobLog, type WorkerLog } from './job-log.ts';
import { createRecorder } from './recorder.ts';
import { createReporter } from './reporter.ts';
import { runJob, type Failure, type JobEnd } from './run-job.ts';

export interface WorkerOptions extends Omit<FaktoryClientOptions, 'size' | 'wid'> {
  registry: JobRegistry;
  /** The first one first: a later queue is served while those before it are empty. */
  queues: readonly string[];
  /** Jobs fetched at once. */
  concurrency: number;
  /** Of the fetch connections. */
  connectionsMax: number;
  /** Pause after an empty FETCH. */
  pollIntervalMs: number;
  heartbeatIntervalMs: number;
  /** Undefined: results are not kept. */
  results: ResultStore | undefined;
  log: WorkerLog;
  onJob?: (operation: OperationLabel, outcome: WorkerOutcome, seconds: number) => void;
  /** The broker's web page asked this worker to end. */
  onTerminate?: () => void;
}

export interface WorkerStats {
  /** FETCHes without a reply. */
  fetching: number;
  /** Jobs that ran and are not stored yet. */
  storing: number;
  /** ACKs and FAILs without a reply. */
  reporting: number;
  /** Runs since the start. */
  succeeded: number;
  failed: number;
}

export interface Worker {
  /** Its name in Faktory's page. */
  readonly wid: string;
  readonly stats: Readonly<WorkerStats>;
  start(): void;
  /** Fetches no more; what is under way goes on. */
  quiet(): void;
  /**
   * Takes what outstanding FETCHes still bring, finishes, stores, acknowledges, closes. What does not end in time is FAILed,
   * so that it is retried soon and not after its reservation. Resolves within `timeoutMs`, also when the broker is gone.
   */
  stop(timeoutMs: number): Promise<void>;
}

/** One connection's ACKs are handled one after another, at four Redis commands each: twice the work of a FETCH. */
const reportConnectionsMax = 4;
/**
 * Jobs that ran and wait for the store or for the reply to their ACK, per slot. They hold no slot, or a distant broker would
 * cost two round trips a job; 4 cover a store that is as far away.
 */
const heldPerSlot = 4;
const heldMin = 100;

const notStored: Failure = { errtype: 'ResultNotStored', message: 'the result could not be stored', backtrace: [] };
const stopped: Failure = { errtype: 'WorkerStopped', message: 'the worker ended before the job did', backtrace: [] };

export function createWorker(options: WorkerOptions): Worker {
  const { clock, concurrency, log, results } = options;
  const suffix = Math.floor(options.random() * 2 ** 32);
  const wid = `${hostname()}-${process.pid}-${suffix.toString(16).padStart(8, '0')}`;
  const connections = Math.min(options.connectionsMax, Math.ceil(concurrency / fetchesPerConnectionMax));
  const openClient = (size: number): FaktoryClient =>
    new FaktoryClient({ labels: ['work-factory'], ...options, wid, size });
  const fetchClient = openClient(connections);
  const reportClient = openClient(Math.min(reportConnectionsMax, connections));
  const beatClient = openClient(1);
  const heldMax = Math.max(heldMin, heldPerSlot * concurrency);
  const jobLog = createJobLog(log, clock);
  let succeeded = 0;
  let failed = 0;
  let isStarted = false;
  let isTurnScheduled = false;
  let isAway = false;
  let isStopping = false;
  let isOutOfTime = false;
  let onIdle: (() => void) | undefined;

  const reporter = createReporter({ client: reportClient, clock, onTold: jobLog.write, onChange: scheduleTurn, log });
  const recorder =
    results &&
    createRecorder({
      results,
      clock,
      onStored: (ends) => ends.forEach(report),
      onGivenUp: (ends) => ends.forEach((end) => reporter.fail(end, end.failure ?? notStored)),
      onUp: scheduleTurn,
      log,
    });
  const fetcher = createFetcher({ ...options, client: fetchClient, onJob: run, onChange: scheduleTurn });
  const heartbeat = createHeartbeat({
    client: beatClient,
    wid,
    clock,
    intervalMs: options.heartbeatIntervalMs,
    log,
    onState(state) {
      log.info(`the broker wants this worker to ${state === 'quiet' ? 'fetch no more' : 'end'}`);
      quiet();
      if (state === 'terminate') options.onTerminate?.();
    },
  });

  function run(text: string): void {
    const startedMs = clock.now();
    const end = runJob(text, options.registry);
    if (end === undefined) return log.error('the broker sent something that is no job');
    options.onJob?.(end.operation, end.outcome, (clock.now() - startedMs) / 1000);
    if (end.outcome === 'succeeded') succeeded++;
    else failed++;
    if (isOutOfTime) reporter.fail(end, end.failure ?? stopped);
    else if (recorder && end.record) recorder.add(end);
    else report(end);
  }

  function report(end: JobEnd): void {
    if (end.failure) reporter.fail(end, end.failure);
    else reporter.ack(end);
  }

  // After the input of this turn, so that jobs that came together are fetched, stored and acknowledged together.
  function scheduleTurn(): void {
    if (isTurnScheduled) return;
    isTurnScheduled = true;
    clock.soon(turn);
  }

  function turn(): void {
    isTurnScheduled = false;
    const fetching = fetcher.outstanding;
    const held = reporter.pending + (recorder?.size ?? 0);
    const room = Math.min(concurrency, heldMax - held) - fetching;
    if (isStarted && (recorder?.isUp ?? true)) fetcher.pump(room);
    recorder?.flush();
    if (fetching + held === 0) onIdle?.();
  }

  fetchClient.onChange = () => {
    fetcher.adopt();
    const reason = fetchClient.downReason;
    if (reason && !isAway && !isStopping) log.warn({ reason: reason.message }, 'the broker is away');
    if (!reason && isAway) log.info('the broker is there again');
    isAway = reason !== undefined;
    scheduleTurn();
  };
  reportClient.onChange = () => reporter.pump();

  function quiet(): void {
    fetcher.stop();
    heartbeat.quiet();
  }

  /** Resolves when nothing is under way any more, or after `timeoutMs`. */
  async function idle(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = clock.after(timeoutMs, resolve);
      onIdle = () => {
        timer.cancel();
        resolve();
      };
      scheduleTurn();
    });
    onIdle = undefined;
  }

  return {
    wid,
    get stats() {
      const storing = recorder?.size ?? 0;
      return { fetching: fetcher.outstanding, storing, reporting: reporter.pending, succeeded, failed };
    },
    start() {
      isStarted = true;
      recorder?.start();
      scheduleTurn();
    },
    quiet,
    async stop(timeoutMs) {
      // The clock's timers do not keep the process alive, and when the broker is gone nothing else does.
      const alive = setInterval(() => undefined, timeoutMs);
      isStopping = true;
      quiet();
      fetcher.finish();
      await idle(timeoutMs * 0.75);
      isOutOfTime = true;
      const left = recorder?.takeAll() ?? [];
      for (const end of left) reporter.fail(end, end.failure ?? stopped);
      const { outstanding } = fetcher;
      if (left.length + outstanding + reporter.pending > 0) {
        log.warn(
          { unstored: left.length, fetching: outstanding, reporting: reporter.pending },
          'stopping all the same',
        );
        if (reporter.pending > 0) await idle(timeoutMs * 0.15);
      }
      heartbeat.stop();
      jobLog.flush();
      await Promise.all([fetchClient, reportClient, beatClient].map((client) => client.close()));
      clearInterval(alive);
    },
  };
}
