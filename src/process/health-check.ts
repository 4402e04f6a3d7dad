// The HEALTHCHECK of the image: asks the program that is process 1 of the container, whatever its role is.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { loadConfig } from '../config/load.ts';
import type { BindAddress } from '../config/values.ts';
import { roleNames, type RoleName } from './command-line.ts';

/** Shorter than the timeout of the image's HEALTHCHECK. */
const timeoutMs = 2500;
/** Where the broker alone listens without FAKTORY_BIND (src/roles/broker.ts). */
const brokerBind = { host: '127.0.0.1', port: 7419 };

/**
 * Checks only that the program lives, as a platform that restarts unhealthy containers wants it: the API answers /health, the
 * broker greets, the worker answers /health on METRICS_ADDR. A worker without METRICS_ADDR listens nowhere and counts as healthy.
 */
export async function isHealthy(env: NodeJS.ProcessEnv, commandLine = readCommandLineOfMain()): Promise<boolean> {
  const role = roleOf(commandLine);
  const { BIND_ADDR, METRICS_ADDR, FAKTORY_BIND = brokerBind } = loadConfig(env);
  const address = { api: BIND_ADDR, worker: METRICS_ADDR, broker: FAKTORY_BIND }[role ?? 'api'];
  // Port 0 means any free port, which this process cannot know.
  if (address === undefined || address.port === 0) return true;
  return role === 'broker' ? greets(address) : responds(address);
}

/** The command line of process 1. It may be an init that starts the program; in both cases the program's own arguments come last. */
const readCommandLineOfMain = (): string => readFileSync('/proc/1/cmdline', 'utf8');

function roleOf(commandLine: string): RoleName | undefined {
  const words = commandLine.split('\0').filter((word) => word !== '');
  return roleNames.find((name) => name === words.at(-1));
}

const reachable = (host: string): string => ({ '0.0.0.0': '127.0.0.1', '::': '::1' })[host] ?? host;

/** The URL at which a caller on this machine reaches what listens there. */
export function localUrl({ host, port }: BindAddress): string {
  const at = reachable(host);
  return `http://${at.includes(':') ? `[${at}]` : at}:${port}`;
}

async function responds(address: BindAddress): Promise<boolean> {
  return fetch(`${localUrl(address)}/health`, { signal: AbortSignal.timeout(timeoutMs) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

function greets({ host, port }: BindAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: reachable(host), port, timeout: timeoutMs });
    const end = (isGreeted: boolean): void => {
      socket.destroy();
      resolve(isGreeted);
    };
    socket.once('data', (data) => end(data.toString('latin1').startsWith('+HI ')));
    for (const event of ['error', 'timeout', 'end']) socket.once(event, () => end(false));
  });
}
