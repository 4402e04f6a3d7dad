// The API process: takes jobs over HTTP and hands them to a broker. Its parts are built from the broker up to HTTP, and closed
// from HTTP down.
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/load.ts';
import type { Durability } from '../config/variables.ts';
import type { Backups } from '../domain/backup.ts';
import { systemClock } from '../domain/clock.ts';
import type { TickStore } from '../domain/cron.ts';
import { hasSchedules, type JobRegistry } from '../domain/job-type.ts';
import { createApp } from '../http/app.ts';
import { isLoopback } from '../http/plugins/addresses.ts';
import { acceptedHosts } from '../http/plugins/hosts.ts';
import { replaced } from '../http/server/drain.ts';
import { listen, resolveHost } from '../http/server/listen.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import { noBackups } from './backups.ts';
import { createBrokerPoll } from './broker-poll.ts';
import { createFaktoryLink } from './faktory-link.ts';
import type { BrokerLink } from './link.ts';
import { openJobs } from './jobs.ts';
import { connectionsWithin, openFilesMax } from './connections.ts';
import { openCron } from './cron.ts';
import { openProducer } from './producer.ts';
import { measureKeys, type MeasuredKeys, measureResults, type MeasuredResults } from './measured-stores.ts';
import { watchProcess } from './monitor.ts';
import { watchStores } from './watch-stores.ts';
import { openRedisKeys, openRedisResults, openRedisTicks } from './redis-stores.ts';
import { requireFaktory, RoleError, type RoleContext, type Running } from './role.ts';

export interface ApiParts {
  registry: JobRegistry;
  openLink: (onSenderChange: () => void) => BrokerLink;
  durability: Durability;
  results: MeasuredResults | undefined;
  keys: MeasuredKeys | undefined;
  /** The last ticks of schedules. Undefined: no store keeps them. */
  ticks: TickStore | undefined;
  /** Undefined without BACKUP_DIR. */
  backups: Backups | undefined;
  metrics: Metrics;
  /** The problem of the worker in the same process. */
  workerProblem?: () => string | undefined;
}

export async function startApi(context: RoleContext): Promise<Running> {
  const { config, log } = context;
  const address = requireFaktory(config, 'API');
  log.info({ broker: `${address.host}:${address.port}` }, 'no broker and no worker run in this process');
  const { member } = context;
  const own = createMetrics(context.version);
  member?.offerMetrics(() => own.snapshot());
  const metrics = member ? { ...own, render: () => member.metricsPage() } : own;
  const opened = openRedisResults(context);
  const results = opened && measureResults(opened, metrics, systemClock, context.log);
  const openedKeys = openRedisKeys(context);
  const keys = openedKeys && measureKeys(openedKeys, context.log);
  const { registry } = await openJobs(context);
  const ticks = hasSchedules(registry) ? openRedisTicks(context) : undefined;
  const api = await runApi(context, {
    registry,
    openLink: (onSenderChange) => createFaktoryLink(context, address, metrics, onSenderChange),
    durability: config.FAKTORY_DURABILITY,
    results,
    keys,
    ticks,
    backups: config.BACKUP_DIR === undefined ? undefined : noBackups,
    metrics,
  });
  return {
    async stop(options) {
      await api.stop(options);
      await Promise.all([results?.close(), keys?.close(), ticks?.close()]);
      await member?.tellLastCounts(await own.snapshot());
    },
  };
}

export async function runApi(context: RoleContext, parts: ApiParts): Promise<Running> {
  const { config, log, version, member } = context;
  const { registry, results, keys, metrics } = parts;
  const clock = systemClock;
  const link = parts.openLink(() => producer.onSenderChange());
  const producer = openProducer(config, { sender: link.sender, clock, results, metrics });
  const draining = new AbortController();
  metrics.knowQueues([...registry.types.map(({ queue }) => queue), ...(config.ENQUEUE_QUEUES ?? [])]);
  const poll = createBrokerPoll(clock, link.readState);
  metrics.readBrokerState(poll);
  watchStores(metrics, { results, keys }, () => app.readiness());
  if (keys) metrics.knowKeys();

  const bindTo = `BIND_ADDR ${config.BIND_ADDR.host}:${config.BIND_ADDR.port}`;
  const cannotListen = (error: unknown): never => {
    throw new RoleError(`cannot listen on ${bindTo}: ${(error as Error).message}`);
  };
  const host = await resolveHost(config.BIND_ADDR.host).catch(cannotListen);
  const settings = settingsOf(config, host);
  if (settings.apiKeys.length === 0 && !isLoopback(host))
    log.warn(
      `${bindTo} is open to the network and API_KEYS is not set: whoever reaches it posts jobs and reads results`,
    );
  const cron = openCron({ config, log }, { ...parts, producer, clock });
  const app = createApp({
    ...settings,
    connectionsMax: connectionsWithin(openFilesMax(), log),
    registry,
    producer,
    remover: link.remover,
    operator: isOperable(config, host) ? link.operator : undefined,
    backups: parts.backups,
    console: config.CONSOLE ? { poll, troubles: context.troubles, about: aboutProcess(context) } : undefined,
    results,
    keys,
    cron,
    metrics,
    logger: log,
    clock,
    version,
    durability: parts.durability,
    draining: draining.signal,
    workerProblem: parts.workerProblem,
  });
  const monitor = await watchProcess(context, { metrics, readiness: app.readiness, service: 'api-service' });
  const url = await listen(app, { host, port: config.BIND_ADDR.port }).catch(cannotListen);
  log.info({ url, docs: `${url}/docs`, durability: parts.durability }, 'the API listens');
  cron?.start();

  return {
    async stop({ skipDrainDelay }) {
      draining.abort(member?.isReplaced ? replaced : undefined);
      const ticksEnded = cron?.close();
      if (!skipDrainDelay) await sleep(config.SHUTDOWN_DRAIN_DELAY_MS);
      await app.close();
      await Promise.all([producer.close(), link.remover.close(), link.operator.close(), ticksEnded]);
      await monitor?.close();
    },
  };
}

/** @param host the address that the server listens on */
function settingsOf(config: Config, host: string) {
  const { API_KEYS: apiKeys = [], ALLOWED_HOSTS: allowedHosts = [] } = config;
  return {
    apiKeys,
    adminKeys: config.ADMIN_KEYS ?? [],
    enqueueTimeoutMs: config.ENQUEUE_TIMEOUT_MS,
    pendingJobsMax: config.ENQUEUE_MAX_PENDING_JOBS,
    pendingBytesMax: config.ENQUEUE_MAX_PENDING_BYTES,
    batchMaxJobs: config.BATCH_MAX_JOBS,
    batchBodyBytesMax: config.BATCH_BODY_BYTES_MAX,
    jobBodyBytesMax: config.JOB_BODY_BYTES_MAX,
    payloadCompressBytes: config.PAYLOAD_COMPRESS_BYTES,
    enqueueQueues: config.ENQUEUE_QUEUES ?? [],
    passthroughJobtypes: config.PASSTHROUGH_JOBTYPES ?? [],
    connectionsPerAddressMax: config.CONNECTIONS_PER_ADDRESS_MAX,
    trustedProxies: config.TRUSTED_PROXIES,
    keepAliveMs: config.HTTP_KEEPALIVE_SECONDS * 1000,
    corsOrigins: config.CORS_ORIGINS,
    hosts: acceptedHosts({ address: host, apiKeys, allowedHosts }),
    resultsRequired: config.RESULTS_REQUIRED,
  };
}

/** The process whose metrics the console shows. */
const aboutProcess = ({ version, member }: RoleContext): object => ({
  version,
  host: hostname(),
  pid: process.pid,
  all_processes: member !== undefined,
});

/** Without ADMIN_KEYS the API is operated from this machine only. Behind a proxy nobody can tell where a request comes from. */
function isOperable({ ADMIN_KEYS, ALLOWED_HOSTS, TRUSTED_PROXIES }: Config, address: string): boolean {
  if (ADMIN_KEYS !== undefined) return true;
  return isLoopback(address) && ALLOWED_HOSTS === undefined && TRUSTED_PROXIES === undefined;
}
