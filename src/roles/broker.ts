// The embedded broker alone, for other processes and for any Faktory client.
import { existsSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { BlockList, isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { createBroker, type Broker, type BrokerOptions } from '../broker/broker.ts';
import { restoringFolder } from '../domain/backup.ts';
import type { BrokerState } from '../domain/broker-state.ts';
import { systemClock } from '../domain/clock.ts';
import { checkOf, reportOf, type ReadinessReport } from '../domain/readiness.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import { messageOf } from '../broker/storage/ledger.ts';
import { StoreError } from '../broker/storage/store.ts';
import { createBrokerPoll } from './broker-poll.ts';
import { dataMountWarning } from './data-mount.ts';
import { readEngineState } from './engine-state.ts';
import { watchProcess } from './monitor.ts';
import { RoleError, type RoleContext, type Running } from './role.ts';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

const damageAdvice =
  'Jobs that were acknowledged may be missing: restore the folder from a copy, or move it away to start with an empty one';

const unfinishedRestore = (dataDir: string): string =>
  `a copy was being restored into DATA_DIR ${dataDir} and that did not end: empty the folder, and restore again`;

const widsLoggedMax = 10;

const defaultBind = { host: '127.0.0.1', port: 7419 };

export async function startBroker(context: RoleContext): Promise<Running> {
  const { config, log } = context;
  const bind = config.FAKTORY_BIND ?? defaultBind;
  const metrics = createMetrics(context.version);
  const { broker, dataDir } = await openBroker(context, bind, { password: config.FAKTORY_PASSWORD }, metrics);
  const { host, port, durability, recovered } = broker;
  log.info({ broker: `${host}:${port}`, durability, dataDir, recovered }, 'the broker listens');
  const draining = new AbortController();
  metrics.readDraining(() => draining.signal.aborted);
  const readState = async (): Promise<BrokerState> => readEngineState(broker.engine);
  metrics.readBrokerState(createBrokerPoll(systemClock, readState));
  const readiness = async (): Promise<ReadinessReport> => {
    const store = checkOf(broker.engine.ledger.failure() === undefined ? undefined : storeFailed);
    const isDraining = checkOf(draining.signal.aborted ? 'the process is about to stop' : undefined);
    return reportOf({ store, draining: isDraining }, [], { durability });
  };
  const monitor = await watchProcess(context, { metrics, readiness, service: 'broker-service' });
  return {
    async stop() {
      draining.abort();
      await broker.close();
      await monitor?.close();
    },
  };
}

const storeFailed = 'the store of the broker failed and takes nothing: the log says why';

/** Every client of the broker can destroy all its jobs. */
async function refuseOpenDoor({ host, port }: { host: string; port: number }): Promise<void> {
  // A name that no resolver knows is refused when the broker listens.
  const addresses = await lookup(host, { all: true }).catch(() => []);
  if (addresses.every(({ address }) => loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'))) return;
  throw new RoleError(
    `the broker does not start: FAKTORY_BIND ${host}:${port} can be reached from other machines, and without a ` +
      'password anybody there could read and destroy all jobs: set FAKTORY_PASSWORD, or bind 127.0.0.1',
  );
}

export async function openBroker(
  { config, log }: Pick<RoleContext, 'config' | 'log'>,
  bind: { host: string; port: number },
  { password, hashRounds, ownWids, onEnded }: Pick<BrokerOptions, 'password' | 'hashRounds' | 'ownWids' | 'onEnded'>,
  metrics: Metrics,
): Promise<{ broker: Broker; dataDir: string }> {
  const dataDir = resolve(config.DATA_DIR, 'broker');
  if (existsSync(resolve(config.DATA_DIR, restoringFolder))) throw new RoleError(unfinishedRestore(config.DATA_DIR));
  if (password === undefined) await refuseOpenDoor(bind);
  const broker = await createBroker({
    ...bind,
    dataDir,
    password,
    hashRounds,
    ownWids,
    ...(onEnded && { onEnded }),
    lostWorkerMs: config.BROKER_LOST_WORKER_SECONDS * 1000,
    onLostWorkers: (wids, jobs) =>
      log.warn({ workers: wids.slice(0, widsLoggedMax), jobs }, 'workers were lost: their jobs are queued again'),
    onGroup: (ms, bytes) => metrics.brokerGroup(ms / 1000, bytes),
    keysKeptMs: config.IDEMPOTENCY_TTL_SECONDS * 1000,
    report: (message, cause) =>
      log.warn({ dataDir, error: cause === undefined ? undefined : messageOf(cause) }, message),
    onAudit: ({ command, details, outcome, client }) =>
      log.warn({ command, ...details, outcome, client }, 'a client changed what the broker holds or hands out'),
  }).catch((error: unknown) => {
    const { host, port } = bind;
    const advice = error instanceof StoreError && error.code === 'damaged' ? `. ${damageAdvice}` : '';
    throw new RoleError(
      `the broker cannot start in DATA_DIR ${config.DATA_DIR} on FAKTORY_BIND ${host}:${port}: ${(error as Error).message}${advice}`,
    );
  });
  metrics.readBroker(() => ({ ...broker.counts, isStoring: broker.engine.ledger.failure() === undefined }));
  const warning = dataMountWarning('DATA_DIR', dataDir);
  if (warning !== undefined) log.warn({ dataDir }, warning);
  return { broker, dataDir };
}
