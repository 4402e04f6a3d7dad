// The worker process: fetches jobs of the configured queues, runs them, stores the results, acknowledges.
import type { Logger } from 'pino';
import type { Config } from '../config/load.ts';
import type { FaktoryAddress } from '../domain/faktory-address.ts';
import { systemClock } from '../domain/clock.ts';
import { unlock, type KeyStore } from '../domain/keys.ts';
import type { ResultStore } from '../domain/results.ts';
import { createFaktorySource } from '../faktory/source/faktory-source.ts';
import { startHandlerProcess } from '../handlers/handler-process.ts';
import { createHandlers, type Handlers } from '../handlers/handlers.ts';
import type { LoadedJobs } from '../jobs/load-jobs.ts';
import { reportOf, checkOf, type Readiness } from '../domain/readiness.ts';
import { createStoreChecks, storeChecks } from '../domain/store-checks.ts';
import { createServerCheck } from '../domain/server-check.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import { createWorker, type Worker } from '../worker/worker.ts';
import { clientOptions } from './client-options.ts';
import { builtInSettings, openJobs } from './jobs.ts';
import { measureKeys, measureResults } from './measured-stores.ts';
import { watchProcess } from './monitor.ts';
import { watchStores } from './watch-stores.ts';
import { createQueueGroups, type QueueGroup } from './queue-groups.ts';
import { openRedisKeys, openRedisResults } from './redis-stores.ts';
import { watchWorkers, type WorkersWatch } from './worker-metrics.ts';
import { requireFaktory, type RoleContext, type Running } from './role.ts';

export interface WorkerParts {
  jobs: LoadedJobs;
  address: FaktoryAddress;
  results: ResultStore | undefined;
  /** The store with the locks of unique jobs. Undefined: the broker keeps the locks and frees them itself. */
  keys?: KeyStore | undefined;
  metrics: Metrics;
  /** Each group has slots and a worker of its own. */
  groups: readonly QueueGroup[];
}

export interface RunningWorker extends Running {
  /** Has no text of a cause, because everybody may ask /ready, and a job may have written anything. */
  problem(): string | undefined;
  /** Why the broker is away, or replies to no FETCH. */
  brokerProblem(): Error | undefined;
  /** Why nothing is fetched although the broker is there. */
  pause(): string | undefined;
}

export async function startWorker(context: RoleContext): Promise<Running> {
  const address = requireFaktory(context.config, 'worker');
  const metrics = createMetrics(context.version);
  const opened = openRedisResults(context);
  if (!opened) context.log.warn('results are not kept: RESULTS_URL is not set');
  const results = opened && measureResults(opened, metrics, systemClock, context.log);
  const jobs = await openJobs(context);
  const openedKeys = openRedisKeys(context);
  const keys = openedKeys && measureKeys(openedKeys, context.log);
  const groups = createQueueGroups(context.config, jobs.registry);
  const draining = new AbortController();
  metrics.readDraining(() => draining.signal.aborted);
  let worker: RunningWorker | undefined;
  const readiness = createWorkerReadiness(context.config, {
    worker: () => worker,
    results,
    keys,
    draining: draining.signal,
    queues: groups.flatMap(({ queues }) => queues),
  });
  watchStores(metrics, { results, keys }, readiness);
  // Opened first: a job that is fetched before the start fails would stay reserved.
  const monitor = await watchProcess(context, { metrics, readiness, service: 'worker-service' });
  const running = (worker = runWorkers(context, { jobs, address, results, keys, metrics, groups }));
  return {
    async stop(options) {
      draining.abort();
      await running.stop(options);
      await Promise.all([results?.close(), keys?.close()]);
      await monitor?.close();
    },
  };
}

interface WorkerReadinessParts extends Pick<WorkerParts, 'results' | 'keys'> {
  worker: () => RunningWorker | undefined;
  draining: AbortSignal;
  /** The queues from which the worker fetches. */
  queues: readonly string[];
}

function createWorkerReadiness(
  { RESULTS_REQUIRED: resultsRequired }: Pick<Config, 'RESULTS_REQUIRED'>,
  { worker, results, keys, draining, queues }: WorkerReadinessParts,
): Readiness {
  const checkStores = createStoreChecks({ clock: systemClock, results, keys });
  const askBroker = async (): Promise<void> => {
    const problem = worker()?.brokerProblem();
    if (problem) throw problem;
  };
  const checkBroker = createServerCheck({ clock: systemClock, name: 'the broker', ask: askBroker });
  return async () => {
    const [broker, stores] = await Promise.all([checkBroker(), checkStores()]);
    const pause = worker()?.pause() && pauseFor(stores['results']?.reason);
    const report = reportOf(
      {
        broker: checkOf(broker),
        fetching: checkOf(pause),
        handlers: checkOf(worker()?.problem()),
        draining: checkOf(draining.aborted ? 'the process is about to stop' : undefined),
        ...stores,
      },
      resultsRequired ? [] : [...storeChecks, 'fetching'],
      { queues },
    );
    if (pause === undefined || !report.isReady) return report;
    return { ...report, body: { ...report.body, status: 'paused' } };
  };
}

/** A worker for each group of queues. */
export function runWorkers(context: RoleContext, parts: WorkerParts): RunningWorker {
  const watch = watchWorkers(parts.metrics);
  const workers = parts.groups.map((group) => runWorker(context, parts, group, watch));
  const first = <Found>(look: (worker: RunningWorker) => Found | undefined): Found | undefined =>
    workers.map(look).find((found) => found !== undefined);
  return {
    problem: () => first((worker) => worker.problem()),
    brokerProblem: () => first((worker) => worker.brokerProblem()),
    pause: () => first((worker) => worker.pause()),
    // All workers stop at the same time, because each may take all of the time.
    stop: async (options) => void (await Promise.all(workers.map((worker) => worker.stop(options)))),
  };
}

function runWorker(
  { config, log, fail }: RoleContext,
  { jobs, address, results, keys, metrics }: WorkerParts,
  { queues, wid, hasOwnSlots }: QueueGroup,
  watch: WorkersWatch,
): RunningWorker {
  const { registry } = jobs;
  // A type with slots of its own is in its own queue, unless jobs may name another one.
  const hasHandlers = registry.types.some(
    ({ runs, queue, ownSlots }) =>
      runs === 'in handler process' && (!ownSlots || queues.includes(queue) || config.ENQUEUE_QUEUES !== undefined),
  );
  // Jobs that need slots of their own mostly wait, so one process has room for all of them.
  const processes = hasOwnSlots ? 1 : config.HANDLER_PROCESSES;
  const handlers = hasHandlers ? openHandlers(config, log, processes, () => worker.onHandlersChange()) : undefined;
  metrics.knowQueues(queues);
  const worker: Worker = createWorker({
    registry,
    openSource(events) {
      const source = createFaktorySource({
        ...clientOptions(config, address),
        ...events,
        wid,
        concurrency: config.WORKER_CONCURRENCY,
        connectionsMax: config.WORKER_MAX_CONNECTIONS,
        pollIntervalMs: config.WORKER_POLL_INTERVAL_MS,
        heartbeatIntervalMs: config.WORKER_HEARTBEAT_INTERVAL * 1000,
        onCommand: watch.onCommand,
        log,
      });
      watch.addSource(source);
      return source;
    },
    clock: systemClock,
    random: Math.random,
    queues,
    isInOrder: config.WORKER_QUEUES !== undefined,
    handlers,
    concurrency: config.WORKER_CONCURRENCY,
    results,
    log,
    onUnlocked: keys && ((lock, jid) => void unlock(keys, lock, jid)),
    ...watch.told,
    onTerminate: () => fail(new Error('the broker told this worker to terminate')),
  });
  watch.add(worker, handlers, config.WORKER_CONCURRENCY);
  worker.start();
  log.info({ queues, slots: config.WORKER_CONCURRENCY }, 'the worker runs');
  return {
    problem: () => (handlers?.isUp === false ? noProcess : undefined),
    brokerProblem: () => worker.brokerProblem,
    pause: () => (worker.takesResults ? undefined : pauseFor()),
    stop: () => worker.stop(config.SHUTDOWN_TIMEOUT_MS - stopReserveMs),
  };
}

const noProcess = 'no handler process is ready: jobs that run in one wait; the log says why';

/** The default is for a worker that has met the failure before the check of the store has. */
const pauseFor = (reason = 'the store of results takes no results'): string => `nothing is fetched: ${reason}`;

const openHandlers = (config: Config, log: Logger, processes: number, onChange: () => void): Handlers =>
  createHandlers({
    processes,
    startProcess: (events) =>
      startHandlerProcess({
        ...events,
        settings: {
          jobsDir: config.JOBS_DIR,
          builtIn: builtInSettings(config),
          argsBytesMax: config.JOB_BODY_BYTES_MAX,
          resultBytesMax: config.RESULT_BYTES_MAX,
        },
        clock: systemClock,
      }),
    clock: systemClock,
    onChange,
    log,
  });

/** The time for closing connections and the result store, after the worker's own time. */
const stopReserveMs = 2000;
