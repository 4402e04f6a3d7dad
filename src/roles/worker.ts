// The worker process: fetches jobs of the configured queues, runs them, stores the results, acknowledges.
import type { FaktoryAddress } from '../config/values.ts';
import type { ResultStore } from '../domain/results.ts';
import type { Metrics } from '../metrics.ts';
import { createWorker } from '../worker/worker.ts';
import { clientOptions } from './client-options.ts';
import { openRedisResults } from './results.ts';
import { requireFaktory, type RoleContext, type Running } from './role.ts';

export interface WorkerParts {
  address: FaktoryAddress;
  results: ResultStore | undefined;
  metrics?: Metrics;
}

export async function startWorker(context: RoleContext): Promise<Running> {
  const address = requireFaktory(context.config, 'worker');
  const results = openRedisResults(context);
  if (!results) context.log.warn('results are not kept: RESULTS_URL is not set');
  const worker = runWorker(context, { address, results });
  return {
    async stop(options) {
      await worker.stop(options);
      await results?.close();
    },
  };
}

export function runWorker({ config, log, fail }: RoleContext, { address, results, metrics }: WorkerParts): Running {
  const worker = createWorker({
    ...clientOptions(config, address),
    queues: config.WORKER_QUEUES,
    concurrency: config.WORKER_CONCURRENCY,
    connectionsMax: config.WORKER_MAX_CONNECTIONS,
    pollIntervalMs: config.WORKER_POLL_INTERVAL_MS,
    heartbeatIntervalMs: config.WORKER_HEARTBEAT_INTERVAL * 1000,
    results,
    log,
    ...(metrics && { onJob: metrics.workerJob }),
    onTerminate: () => fail(new Error('the broker told this worker to terminate')),
  });
  worker.start();
  log.info({ queues: config.WORKER_QUEUES, slots: config.WORKER_CONCURRENCY }, 'the worker runs');
  return { stop: () => worker.stop(config.SHUTDOWN_TIMEOUT_MS - stopReserveMs) };
}

/** For closing connections and the result store after the worker's own time is up. */
const stopReserveMs = 2000;
