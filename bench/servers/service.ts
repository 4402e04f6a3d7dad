// Our service as built, one process per role, each with the defaults of the environment but for what is named here.
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHttpClient } from '../harness/http-client.ts';
import { freePort, startProcess, type RunningProcess } from '../harness/processes.ts';
import type { Scope } from '../harness/scope.ts';
import type { Broker } from './faktory.ts';
import type { Address } from './packets.ts';

export interface HttpServer {
  port: number;
  process: RunningProcess;
}

export const serviceMain = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const readyTimeoutMs = 15_000;

async function start(
  scope: Scope,
  role: string[],
  env: Record<string, string>,
  port?: number,
  nodeArgs: string[] = [],
) {
  // A folder of its own as working directory: no .env is loaded.
  const folder = scope.folder();
  const running = await startProcess({
    command: process.execPath,
    args: [...nodeArgs, serviceMain, ...role],
    env: { DATA_DIR: folder, LOG_LEVEL: 'warn', SHUTDOWN_DRAIN_DELAY_MS: '0', ...env },
    cwd: folder,
    ...(port !== undefined && { port }),
  });
  return scope.use(running, () => running.stop(10_000));
}

export interface ApiOptions {
  env?: Record<string, string>;
  nodeArgs?: string[];
}

/** Resolves when /ready says 200. A broker given by its port is on 127.0.0.1. */
export async function startApi(
  scope: Scope,
  broker: number | Address,
  { env = {}, nodeArgs = [] }: ApiOptions = {},
): Promise<HttpServer> {
  const port = await freePort();
  const at = typeof broker === 'number' ? { host: '127.0.0.1', port: broker } : broker;
  const addresses = { FAKTORY_URL: `tcp://${at.host}:${at.port}`, BIND_ADDR: `127.0.0.1:${port}` };
  const running = await start(scope, ['api'], { ...addresses, ...env }, port, nodeArgs);
  await untilReady(port);
  return { port, process: running };
}

export interface AllInOneOptions extends ApiOptions {
  /** Of the worker: a queue that nothing is pushed to leaves it without work. */
  queues?: string;
}

/** Starts the all-in-one role, and resolves when /ready says 200. */
export async function startAllInOne(
  scope: Scope,
  { queues = 'default', env: given = {}, nodeArgs = [] }: AllInOneOptions = {},
): Promise<HttpServer & { brokerPort: number }> {
  const port = await freePort();
  const brokerPort = await freePort();
  const env = {
    BIND_ADDR: `127.0.0.1:${port}`,
    FAKTORY_BIND: `127.0.0.1:${brokerPort}`,
    WORKER_QUEUES: queues,
    ...given,
  };
  const running = await start(scope, [], env, port, nodeArgs);
  await untilReady(port);
  return { port, process: running, brokerPort };
}

export async function startEmbeddedBroker(scope: Scope, dataDir?: string): Promise<Broker> {
  const port = await freePort();
  const env = { FAKTORY_BIND: `127.0.0.1:${port}`, ...(dataDir !== undefined && { DATA_DIR: dataDir }) };
  return { port, process: await start(scope, ['broker'], env, port) };
}

export function startWorker(scope: Scope, faktoryPort: number, slots: number): Promise<RunningProcess> {
  const env = { FAKTORY_URL: `tcp://127.0.0.1:${faktoryPort}`, WORKER_CONCURRENCY: String(slots) };
  return start(scope, ['worker'], env);
}

async function untilReady(port: number): Promise<void> {
  const client = createHttpClient(port);
  const deadline = Date.now() + readyTimeoutMs;
  for (;;) {
    const { status, body } = await client.get('/ready');
    if (status === 200) break;
    if (Date.now() > deadline) throw new Error(`not ready after ${readyTimeoutMs} ms: ${body}`);
    await sleep(20);
  }
  client.close();
}
