// The embedded broker alone, for other processes and for any Faktory client.
import { lookup } from 'node:dns/promises';
import { BlockList, isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { createBroker, type Broker, type BrokerOptions } from '../broker/broker.ts';
import { messageOf } from '../broker/storage/ledger.ts';
import { StoreError } from '../broker/storage/store.ts';
import { dataMountWarning } from './data-mount.ts';
import { RoleError, type RoleContext, type Running } from './role.ts';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

const damageAdvice =
  'Jobs that were acknowledged may be missing: restore the folder from a copy, or move it away to start with an empty one';

const widsLoggedMax = 10;

const defaultBind = { host: '127.0.0.1', port: 7419 };

export async function startBroker({ config, log }: RoleContext): Promise<Running> {
  const bind = config.FAKTORY_BIND ?? defaultBind;
  const { broker, dataDir } = await openBroker({ config, log }, bind, { password: config.FAKTORY_PASSWORD });
  const { host, port, durability, recovered } = broker;
  log.info({ broker: `${host}:${port}`, durability, dataDir, recovered }, 'the broker listens');
  return { stop: () => broker.close() };
}

/** Whoever reaches the broker can destroy every job in it. */
async function refuseOpenDoor({ host, port }: { host: string; port: number }): Promise<void> {
  // A name that is not known is refused where it is bound.
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
  { password, hashRounds, ownWids }: Pick<BrokerOptions, 'password' | 'hashRounds' | 'ownWids'>,
): Promise<{ broker: Broker; dataDir: string }> {
  const dataDir = resolve(config.DATA_DIR, 'broker');
  if (password === undefined) await refuseOpenDoor(bind);
  const broker = await createBroker({
    ...bind,
    dataDir,
    password,
    hashRounds,
    ownWids,
    lostWorkerMs: config.BROKER_LOST_WORKER_SECONDS * 1000,
    onLostWorkers: (wids, jobs) =>
      log.warn({ workers: wids.slice(0, widsLoggedMax), jobs }, 'workers were lost: their jobs are queued again'),
    keysKeptMs: config.IDEMPOTENCY_TTL_SECONDS * 1000,
    report: (message, cause) =>
      log.warn({ dataDir, cause: cause === undefined ? undefined : messageOf(cause) }, message),
    onAudit: ({ command, details, outcome, client }) =>
      log.warn({ command, ...details, outcome, client }, 'a client changed what the broker holds or hands out'),
  }).catch((error: unknown) => {
    const { host, port } = bind;
    const advice = error instanceof StoreError && error.code === 'damaged' ? `. ${damageAdvice}` : '';
    throw new RoleError(
      `the broker cannot start in DATA_DIR ${config.DATA_DIR} on FAKTORY_BIND ${host}:${port}: ${(error as Error).message}${advice}`,
    );
  });
  const warning = dataMountWarning(dataDir);
  if (warning !== undefined) log.warn({ dataDir }, warning);
  return { broker, dataDir };
}
