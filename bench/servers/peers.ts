// What the service is measured beside: small programs under bench/peers, with dependencies of their own from npm.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, startProcess, type RunningProcess } from '../harness/processes.ts';
import type { Scope } from '../harness/scope.ts';
import type { HttpServer } from './service.ts';

const folder = fileURLToPath(new URL('../peers', import.meta.url));
const installTimeoutMs = 120_000;

/** Installs them once, by their own lock file. */
export function installPeers(): void {
  if (existsSync(join(folder, 'node_modules', '.package-lock.json'))) return;
  console.log('installing bench/peers');
  const options = { cwd: folder, stdio: 'inherit', timeout: installTimeoutMs } as const;
  execFileSync('npm', ['ci', '--ignore-scripts'], options);
}

export function peerVersion(name: string): string {
  const file = join(folder, 'node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

async function startPeer(scope: Scope, file: string, args: number[], port?: number): Promise<RunningProcess> {
  const running = await startProcess({
    command: process.execPath,
    args: [join(folder, file), ...args.map(String)],
    env: { NODE_ENV: 'production' },
    ...(port !== undefined && { port }),
  });
  return scope.use(running, () => running.stop());
}

async function startHttpPeer(scope: Scope, file: string, args: number[]): Promise<HttpServer> {
  const port = await freePort();
  return { port, process: await startPeer(scope, file, [port, ...args], port) };
}

export const startBareFastify = (scope: Scope): Promise<HttpServer> => startHttpPeer(scope, 'bare-fastify.js', []);

/** Fastify with faktory-worker as its README shows; with as many connections as our service has by default. */
export const startDocumented = (scope: Scope, faktoryPort: number, connections = 10): Promise<HttpServer> =>
  startHttpPeer(scope, 'documented-client.js', [faktoryPort, connections]);

export const startBullmq = (scope: Scope, redisPort: number): Promise<HttpServer> =>
  startHttpPeer(scope, 'bullmq.js', [redisPort]);

/** faktory-worker's own worker. */
export const startDocumentedWorker = (scope: Scope, faktoryPort: number, slots: number): Promise<RunningProcess> =>
  startPeer(scope, 'documented-worker.js', [faktoryPort, slots]);
