// API, worker and embedded broker in one process, as `npm start` runs them. The API hands its jobs to the broker without a
// connection. The worker fetches over FWP, as on another machine.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from '../config/load.ts';
import type { ResultStore } from '../domain/results.ts';
import { causeOf } from '../domain/cause.ts';
import { systemClock } from '../domain/clock.ts';
import { underWayMarginMs } from '../domain/keys.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { createEmbeddedResults, type EmbeddedResults } from '../results/embedded.ts';
import { runApi } from './api.ts';
import { openBackups } from './backups.ts';
import { openBroker } from './broker.ts';
import { createEndedJobsTeller } from './ended-jobs.ts';
import { createEngineKeys } from './engine-keys.ts';
import { createEngineLink } from './engine-link.ts';
import { createEngineTicks } from './engine-ticks.ts';
import { openJobs } from './jobs.ts';
import type { BrokerLink } from './link.ts';
import { measureKeys, measureResults } from './measured-stores.ts';
import { createQueueGroups } from './queue-groups.ts';
import { openRedisResults } from './redis-stores.ts';
import type { BrokerOptions } from '../broker/broker.ts';
import type { EndedJob } from '../broker/queues/ended.ts';
import { RoleError, type RoleContext, type Running } from './role.ts';
import { runWorkers, type RunningWorker } from './worker.ts';

const freePort = { host: '127.0.0.1', port: 0 };

/** Only this process uses the broker's port, unless the operator sets the port. But every user of the machine can connect to it. */
function passwordOf({ FAKTORY_BIND, FAKTORY_PASSWORD }: Config): Pick<BrokerOptions, 'password' | 'hashRounds'> {
  if (FAKTORY_PASSWORD !== undefined || FAKTORY_BIND) return { password: FAKTORY_PASSWORD };
  // Nobody can guess a random password, even when it is hashed once only. Thousands of rounds for each connection of the worker
  // would take 30 MB.
  return { password: randomBytes(24).toString('base64url'), hashRounds: 1 };
}

export async function startAllInOne(context: RoleContext): Promise<Running> {
  const { config, log, version } = context;
  const jobs = await openJobs(context);
  const groups = createQueueGroups(config, jobs.registry);
  const credentials = passwordOf(config);
  // The results are opened after the broker, which says first whether the folder can be used.
  let tellEnded: NonNullable<BrokerOptions['onEnded']> = () => Promise.resolve();
  const settings = {
    ...credentials,
    ownWids: groups.map(({ wid }) => wid),
    onEnded: (ended: readonly EndedJob[]) => tellEnded(ended),
  };
  const metrics = createMetrics(version);
  const { broker, dataDir } = await openBroker(context, config.FAKTORY_BIND ?? freePort, settings, metrics);
  const { host, port, durability, recovered } = broker;
  log.info({ broker: `${host}:${port}`, durability, dataDir, recovered }, 'the embedded broker listens');
  const address = { host, port, tls: false, password: credentials.password };
  const redisResults = openRedisResults(context);
  const ownResults = redisResults ? undefined : await openEmbeddedResults(config);
  const results = measureResults((redisResults ?? ownResults) as ResultStore, metrics, systemClock, context.log);
  tellEnded = createEndedJobsTeller(results, log);
  const engineKeys = createEngineKeys({
    engine: broker.engine,
    durability,
    clock: systemClock,
    underWayMsMax: config.ENQUEUE_TIMEOUT_MS + underWayMarginMs,
  });
  const keys = measureKeys(engineKeys, log);
  let worker: RunningWorker | undefined;
  const workerProblem = (): string | undefined => worker && problemOf(worker);
  const { registry } = jobs;
  const ticks = createEngineTicks(broker.engine);
  const backups = openBackups(context, broker, ownResults, metrics);
  const openLink = (onSenderChange: () => void): BrokerLink => createEngineLink(broker, metrics, onSenderChange);
  const parts = { registry, openLink, durability, results, keys, ticks, backups, metrics, workerProblem };
  const api = await runApi(context, parts);
  // The worker starts last: a job that it fetched before a failed start would stay reserved.
  const running = (worker = runWorkers(context, { jobs, address, results, metrics, groups }));
  return {
    async stop(options) {
      // Both close at the same time, because each may take most of SHUTDOWN_TIMEOUT_MS. Jobs that are enqueued meanwhile wait in
      // the broker.
      await Promise.all([backups?.close(), api.stop(options), running.stop(options)]);
      await results.close();
      await broker.close();
    },
  };
}

function problemOf(worker: RunningWorker): string | undefined {
  const broker = worker.brokerProblem();
  return worker.problem() ?? worker.pause() ?? (broker && `the broker: ${causeOf(broker) ?? 'the log says why'}`);
}

const openEmbeddedResults = (config: Config): Promise<EmbeddedResults> =>
  createEmbeddedResults({
    dataDir: join(config.DATA_DIR, 'results'),
    ttlSeconds: config.RESULT_TTL_SECONDS,
    resultsMax: config.RESULTS_MAX,
  }).catch((error: unknown) => {
    throw new RoleError((error as Error).message);
  });
