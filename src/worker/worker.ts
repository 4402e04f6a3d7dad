// The worker: pipelined FETCHes fill its slots, results are stored before the ACK, and the jobs that ended in one turn are
// acknowledged together. Relies on src/faktory for connections that come back by themselves (docs/decisions/0011-worker-slots.md).
import type { JobRegistry } from '../domain/job-type.ts';
import type { ResultStore } from '../domain/results.ts';
import { FaktoryClient, type FaktoryClientOptions } from '../faktory/client.ts';
import { graceMs, type Handlers } from '../handlers/handlers.ts';
import type { OperationLabel } from '../metrics/jobs.ts';
import type { WorkerOutcome } from '../metrics/worker.ts';
import { fetchesPerConnectionMax } from './fetch-lane.ts';
import { createEndings } from './endings.ts';
import { createFetcher } from './fetcher.ts';
import { createHeartbeat } from './heartbeat.ts';
import { createFetchLine, inlineQueuesOf } from './fetch-line.ts';
import type { JobEnd } from './job-end.ts';
import { createJobRuns, type JobRunsOptions } from './job-runs.ts';
import type { WorkerLog } from './job-log.ts';
import type { WorkerStats } from './stats.ts';
import { createWid } from './wid.ts';

export interface WorkerOptions extends Omit<FaktoryClientOptions, 'size'> {
  registry: JobRegistry;
  queues: readonly string[];
  /** A queue is served while those before it are empty; otherwise none comes first. */
  isInOrder: boolean;
  /** Undefined: no type has a `run` of its own. */
  handlers: Handlers | undefined;
  /** Jobs at once, from their FETCH on: those of handler processes until the broker has taken their ACK. */
  concurrency: number;
  /** Of the fetch connections. */
  connectionsMax: number;
  /** Pause after an empty FETCH. */
  pollIntervalMs: number;
  heartbeatIntervalMs: number;
  /** Undefined: results are not kept. */
  results: ResultStore | undefined;
  log: WorkerLog;
  /** A unique job is over: its lock is free. */
  onUnlocked?: ((lock: string, jid: string) => void) | undefined;
  onJob?: (operation: OperationLabel, outcome: WorkerOutcome, seconds: number) => void;
  onStart?: JobRunsOptions['onStart'];
  /** The broker's web page asked this worker to end. */
  onTerminate?: () => void;
}

export interface Worker {
  /** Its name in Faktory's page. */
  readonly wid: string;
  readonly stats: Readonly<WorkerStats>;
  readonly clients: Readonly<Record<'fetch' | 'report' | 'beat', FaktoryClient>>;
  /** The store of results takes writes. */
  readonly takesResults: boolean;
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

/** Of a stop's time: after it no job is waited for. */
const waitShare = 0.75;
/** Enough for the answers of the broker; with the roles' own 2 s it makes 5 s before the end of SHUTDOWN_TIMEOUT_MS. */
const lastMs = 3000;

/** A broker that lives has answered INFO by then. */
const infoWaitMs = 500;
const noop = (): void => undefined;

export function createWorker(options: WorkerOptions): Worker {
  const { clock, concurrency, handlers, log } = options;
  const { wid = createWid(options.random) } = options;
  const connections = Math.min(options.connectionsMax, Math.ceil(concurrency / fetchesPerConnectionMax));
  const openClient = (size: number): FaktoryClient =>
    new FaktoryClient({ labels: ['work-factory'], ...options, wid, size });
  const fetchClient = openClient(connections);
  const reportClient = openClient(Math.min(reportConnectionsMax, connections));
  const beatClient = openClient(1);
  const heldMax = Math.max(heldMin, heldPerSlot * concurrency);
  let succeeded = 0;
  let failed = 0;
  let isStarted = false;
  let isTurnScheduled = false;
  let isAway = false;
  let isStopping = false;
  let onIdle: (() => void) | undefined;

  const takesBack = (): boolean => beatClient.takesBack;
  const endings = createEndings({ ...options, client: reportClient, takesBack, onChange: scheduleTurn });
  const runs = createJobRuns({ ...options, onEnd: finish });
  const isUp = (): boolean => handlers?.isUp ?? true;
  const inlineQueues = inlineQueuesOf(options.queues, options.registry);
  const lineOf = (queues: readonly string[]) => createFetchLine(queues, options.isInOrder, options.random);
  const [fetchAny, fetchInline] = [lineOf(options.queues), lineOf(inlineQueues)];
  const fetcher = createFetcher({
    ...options,
    client: fetchClient,
    fetchLine: () => (isUp() ? fetchAny() : fetchInline()),
    endsFetches: () => beatClient.endsFetches,
    onJob: (text) => runs.take(text),
    onChange: scheduleTurn,
  });
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

  function finish(end: JobEnd, seconds: number): void {
    const { operation, outcome } = end;
    if (outcome === 'succeeded') succeeded++;
    else if (outcome === 'failed') failed++;
    if (outcome !== 'given back') options.onJob?.(operation, outcome, seconds);
    endings.add(end);
    scheduleTurn();
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
    const held = endings.reporting + endings.storing;
    const running = runs.size;
    const room = Math.min(concurrency - running, heldMax - held) - fetching;
    if (isStarted && endings.takesResults && (isUp() || inlineQueues.length > 0)) fetcher.pump(room);
    runs.flush();
    endings.flush();
    if (fetching + running === 0 && endings.isIdle) onIdle?.();
  }

  if (handlers) handlers.onChange = scheduleTurn;
  fetchClient.onChange = () => {
    fetcher.adopt();
    const reason = fetchClient.downReason;
    if (reason && !isAway && !isStopping) log.warn({ error: reason.message }, 'the broker is away');
    if (!reason && isAway) log.info('the broker is there again');
    isAway = reason !== undefined;
    scheduleTurn();
  };

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

  /** Waits for the jobs of handler processes, then fires their signals, then requeues the jobs that still run. */
  async function stopHandlers(running: Handlers, waitMs: number, reportMs: number): Promise<void> {
    const kindKnown = Promise.race([
      beatClient.info().then(noop, noop),
      new Promise<void>((resolve) => void clock.after(infoWaitMs, resolve)),
    ]);
    const interruptMs = Math.max(0, waitMs - graceMs);
    await idle(interruptMs);
    await kindKnown;
    if (takesBack()) endings.leaveGivenBack();
    running.interrupt();
    await idle(waitMs - interruptMs);
    runs.close();
    // First, because a requeued job must not go on here.
    await running.close();
    running.giveBack();
    await idle(reportMs);
  }

  return {
    wid,
    clients: { fetch: fetchClient, report: reportClient, beat: beatClient },
    get takesResults() {
      return endings.takesResults;
    },
    get stats() {
      const { storing, reporting } = endings;
      return { fetching: fetcher.outstanding, running: handlers?.running ?? 0, storing, reporting, succeeded, failed };
    },
    start() {
      isStarted = true;
      // INFO says which broker it is. Until its reply the broker is taken for a Faktory.
      void beatClient.warm.then(() => beatClient.info()).then(scheduleTurn, noop);
      handlers?.start();
      endings.start();
      scheduleTurn();
    },
    quiet,
    async stop(timeoutMs) {
      // The clock's timers do not keep the process alive, and when the broker is gone nothing else does.
      const alive = setInterval(() => undefined, timeoutMs);
      isStopping = true;
      quiet();
      fetcher.finish();
      const waitMs = Math.max(timeoutMs * waitShare, timeoutMs - lastMs);
      if (handlers) await stopHandlers(handlers, waitMs, (timeoutMs - waitMs) * 0.3);
      else await idle(waitMs);
      runs.close();
      const unstored = endings.cutShort();
      const { outstanding: fetching } = fetcher;
      const { reporting } = endings;
      if (unstored + fetching + reporting > 0) {
        log.warn({ unstored, fetching, reporting }, 'stopping all the same');
        if (!endings.isIdle) await idle((timeoutMs - waitMs) * 0.4);
      }
      heartbeat.stop();
      endings.close();
      await Promise.all([fetchClient, reportClient, beatClient].map((client) => client.close()));
      clearInterval(alive);
    },
  };
}
