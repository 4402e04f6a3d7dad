// Starts a real Redis on a port of its own, and ends it at the test's end. Keeps nothing on disk, unless told so.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { spawnChild } from './children.ts';
import { redisServerPath } from './real-parts.ts';

export interface StartedRedis {
  readonly url: string;
  readonly port: number;
  /** As kill -9. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with what it kept on disk. */
  restart(): Promise<void>;
  /** Stops answering, and goes on. */
  freeze(): void;
  thaw(): void;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export interface RedisOptions {
  /** On disk before the reply; default: never. */
  appendfsync?: 'always';
}

export async function startRedis(t: Pick<TestContext, 'after'>, options: RedisOptions = {}): Promise<StartedRedis> {
  const program = redisServerPath();
  if (program === undefined) throw new Error('Redis is not here: see test/helpers/real-parts.ts');
  const dir = mkdtempSync(join(tmpdir(), 'redis-'));
  const port = await freePort();
  let child: ChildProcess;

  async function start(): Promise<void> {
    const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
    args.push(...(options.appendfsync ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']));
    const started = spawnChild(program as string, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    child = started;
    const exited = once(started, 'exit').then(([code]) => {
      throw new Error(`redis-server ended with code ${String(code)}`);
    });
    exited.catch(() => undefined);
    const isReady = new Promise<void>((resolve) =>
      createInterface({ input: started.stdout }).on('line', (line) => {
        if (line.includes('Ready to accept connections')) resolve();
      }),
    );
    await Promise.race([isReady, exited]);
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  t.after(async () => {
    await kill();
    rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
  });
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    kill,
    restart: start,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  };
}
