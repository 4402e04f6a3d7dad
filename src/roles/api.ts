// The API process: HTTP in, jobs out to a broker. Builds the way of a job from the broker up, closes it from HTTP down.
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaktoryAddress } from '../config/values.ts';
import type { Durability } from '../config/variables.ts';
import { systemClock } from '../domain/clock.ts';
import type { JobRegistry } from '../domain/job-type.ts';
import type { ResultStore } from '../domain/results.ts';
import { createAdmission } from '../enqueue/admission.ts';
import { createGroupCommit } from '../enqueue/group-commit.ts';
import { FaktoryClient } from '../faktory/client.ts';
import { createFrameSender } from '../faktory/frame-sender.ts';
import { createApp } from '../http/app.ts';
import { isLoopback } from '../http/addresses.ts';
import { answeredHosts } from '../http/hosts.ts';
import { listen, resolveHost } from '../http/listen.ts';
import { createMetrics, type BrokerJobs, type Metrics } from '../metrics.ts';
import { clientOptions } from './client-options.ts';
import { openJobs } from './jobs.ts';
import { openRedisResults } from './results.ts';
import { requireFaktory, RoleError, type RoleContext, type Running } from './role.ts';

export interface ApiParts {
  registry: JobRegistry;
  address: FaktoryAddress;
  durability: Durability;
  results: ResultStore | undefined;
  metrics: Metrics;
}

/** One initial TCP window (10 segments of 1,460 bytes) holds the frame and its framing. */
const frameBytesMax = 14_000;

/** A broker that hangs loses a frame per connection and timeout: one line in this time says enough. */
const lossLogPauseMs = 5000;

/** Of the acquire timeout: a broker that becomes slower must not turn what was admitted into refusals. */
const acquireShare = 0.4;

export async function startApi(context: RoleContext): Promise<Running> {
  const { config, log } = context;
  const address = requireFaktory(config, 'API');
  log.info({ broker: `${address.host}:${address.port}` }, 'no broker and no worker run in this process');
  const results = openRedisResults(context);
  const { registry } = await openJobs(context);
  const api = await runApi(context, {
    registry,
    address,
    durability: config.FAKTORY_DURABILITY,
    results,
    metrics: createMetrics(context.version),
  });
  return {
    async stop(options) {
      await api.stop(options);
      await results?.close();
    },
  };
}

export async function runApi({ config, log, version, lostLogLines }: RoleContext, parts: ApiParts): Promise<Running> {
  const { metrics, results } = parts;
  const clock = systemClock;
  const client = new FaktoryClient({ ...clientOptions(config, parts.address), size: config.FAKTORY_MAX_CONNECTIONS });
  let lostJobs = 0;
  let lossLoggedMs = -Infinity;
  function logLoss(jobs: number): void {
    lostJobs += jobs;
    if (clock.now() - lossLoggedMs < lossLogPauseMs) return;
    log.warn({ jobs: lostJobs }, 'jobs were under way when their connection was given up: their callers are told so');
    lostJobs = 0;
    lossLoggedMs = clock.now();
  }
  const sender = createFrameSender({
    client,
    clock,
    syncs: parts.durability === 'fsync',
    onFrame: (jobs, seconds, outcome) => {
      metrics.faktoryFrame(jobs, seconds, outcome);
      if (outcome === 'lost') logLoss(jobs);
    },
    onDown: (reason) => {
      if (reason) log.warn({ reason: reason.message }, 'the broker is away: jobs are refused');
      else log.info('the broker is there again');
    },
  });
  // What the broker is: until then it is taken for a Faktory.
  void client.warm.then(() => sender.ping()).catch(() => undefined);
  const groupCommit = createGroupCommit({
    sender,
    clock,
    frameJobsMax: config.BATCH_MAX_SIZE,
    frameBytesMax,
    acquireTimeoutMs: config.FAKTORY_ACQUIRE_TIMEOUT_MS,
    lingerMs: config.BATCH_MAX_DELAY_MS,
    ...(results && { onWrite: (jobs) => results.remember(jobs) }),
  });
  const producer = createAdmission({
    next: groupCommit,
    pendingJobsMax: config.ENQUEUE_MAX_PENDING_JOBS,
    pendingBytesMax: config.ENQUEUE_MAX_PENDING_BYTES,
    expectedWaitMs: (jobs) => groupCommit.expectedWaitMs(jobs),
    waitMsMax: config.FAKTORY_ACQUIRE_TIMEOUT_MS * acquireShare,
  });
  const draining = new AbortController();
  metrics.readConnections('producer', () => client.states);
  metrics.readLostLogLines(lostLogLines);
  metrics.readPending(() => ({
    waitingJobs: groupCommit.waiting.jobs,
    waitingBytes: groupCommit.waiting.bytes,
    inFlightJobs: producer.pendingJobs - groupCommit.waiting.jobs,
    inFlightBytes: producer.pendingBytes - groupCommit.waiting.bytes,
  }));

  metrics.readBrokerJobs(async () => brokerJobsOf(await client.info().finally(() => sender.onChange())));

  const apiKeys = config.API_KEYS ?? [];
  const bindTo = `BIND_ADDR ${config.BIND_ADDR.host}:${config.BIND_ADDR.port}`;
  const host = await resolveHost(config.BIND_ADDR.host).catch((error: unknown) => {
    throw new RoleError(`cannot listen on ${bindTo}: ${(error as Error).message}`);
  });
  if (apiKeys.length === 0 && !isLoopback(host))
    log.warn(
      `${bindTo} is open to the network and API_KEYS is not set: whoever reaches it posts jobs and reads results`,
    );
  const app = createApp({
    registry: parts.registry,
    producer,
    results,
    metrics,
    logger: log,
    clock,
    version,
    durability: parts.durability,
    enqueueTimeoutMs: config.ENQUEUE_TIMEOUT_MS,
    batchMaxJobs: config.BATCH_MAX_JOBS,
    batchBodyBytesMax: config.BATCH_BODY_BYTES_MAX,
    apiKeys,
    connectionsPerAddressMax: config.CONNECTIONS_PER_ADDRESS_MAX,
    trustedProxies: config.TRUSTED_PROXIES,
    keepAliveMs: config.HTTP_KEEPALIVE_SECONDS * 1000,
    hosts: answeredHosts({ address: host, apiKeys, allowedHosts: config.ALLOWED_HOSTS ?? [] }),
    draining: draining.signal,
  });
  const url = await listen(app, { host, port: config.BIND_ADDR.port }).catch((error: unknown) => {
    throw new RoleError(`cannot listen on ${bindTo}: ${(error as Error).message}`);
  });
  log.info({ url, docs: `${url}/docs`, durability: parts.durability }, 'the API listens');

  return {
    async stop({ skipDrainDelay }) {
      draining.abort();
      if (!skipDrainDelay) await sleep(config.SHUTDOWN_DRAIN_DELAY_MS);
      await app.close();
      await producer.close();
    },
  };
}

/** From INFO (contribsys/faktory server/commands.go, v1.9.4). */
function brokerJobsOf({ faktory: { queues, tasks } }: Awaited<ReturnType<FaktoryClient['info']>>): BrokerJobs {
  const jobs = {
    queued: Object.values(queues).reduce((sum, size) => sum + size, 0),
    scheduled: tasks.Scheduled.size,
    retrying: tasks.Retries.size,
    dead: tasks.Dead.size,
  };
  if (!Object.values(jobs).every(Number.isFinite)) throw new Error('INFO lacks numbers of jobs');
  return jobs;
}
