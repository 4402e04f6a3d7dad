// The embedded broker alone, for other processes and for any Faktory client.
import { resolve } from 'node:path';
import { startBrokerThread } from '../broker/broker-thread.ts';
import { RoleError, type RoleContext, type Running } from './role.ts';

const defaultBind = { host: '127.0.0.1', port: 7419 };

export async function startBroker({ config, log, fail }: RoleContext): Promise<Running> {
  const broker = await openBroker({ config, log, fail }, config.FAKTORY_BIND ?? defaultBind, config.FAKTORY_PASSWORD);
  const { host, port, durability, recovered } = broker;
  log.info({ broker: `${host}:${port}`, durability, dataDir: broker.dataDir, recovered }, 'the broker listens');
  return { stop: () => broker.close() };
}

export async function openBroker(
  { config, log, fail }: Pick<RoleContext, 'config' | 'log' | 'fail'>,
  bind: { host: string; port: number },
  password: string | undefined,
) {
  const dataDir = resolve(config.DATA_DIR, 'broker');
  const broker = await startBrokerThread({
    ...bind,
    dataDir,
    report: (message, cause) => log.warn({ dataDir, cause }, message),
    ...(password !== undefined && { password }),
  }).catch((error: unknown) => {
    const { host, port } = bind;
    throw new RoleError(
      `the broker cannot start in DATA_DIR ${config.DATA_DIR} on FAKTORY_BIND ${host}:${port}: ${(error as Error).message}`,
    );
  });
  broker.onExit((error) => fail(error ?? new Error('the broker ended')));
  return { ...broker, dataDir };
}
