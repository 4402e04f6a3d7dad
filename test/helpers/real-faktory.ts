// Starts a real Faktory server with a Redis of its own, and ends both at the test's end.
// Its redis.conf is a fixed file in the temporary folder that is used again when it exists: each server gets its own TMPDIR.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { spawnChild } from './children.ts';
import { faktoryPath, redisServerPath } from './real-parts.ts';
import { until } from './until.ts';

export interface FaktoryOptions {
  password?: string;
  /** Where Redis keeps its data; default: a folder of the test's own. */
  dir?: string;
  /** What Redis does for every write; default: what Faktory sets, snapshots only. */
  appendonly?: 'always' | 'everysec' | 'no';
}

export interface RealFaktory {
  readonly port: number;
  readonly webPort: number;
  readonly url: string;
  readonly dir: string;
  /** Ends the server; SIGKILL ends its Redis too, as a power loss would, anything else lets Redis save. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same ports and folder. */
  restart(): Promise<void>;
  pid(): number;
  redisPid(): number;
}

const startMsMax = 60_000;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A `redis-server` that comes first on the PATH: notes its pid, adds what the test wants, and survives a limit of file size. */
function writeRedisWrapper(folder: string, pidFile: string, appendonly: FaktoryOptions['appendonly']): void {
  const extra = appendonly && appendonly !== 'no' ? ` --appendonly yes --appendfsync ${appendonly}` : '';
  mkdirSync(folder);
  const script = `#!/bin/sh\ntrap '' XFSZ\necho $$ > '${pidFile}'\nexec '${redisServerPath()}' "$@"${extra}\n`;
  writeFileSync(join(folder, 'redis-server'), script, { mode: 0o755 });
}

/** Resolves at the first greeting. */
async function greeted(port: number, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + startMsMax;
  while (Date.now() < deadline && child.exitCode === null) {
    const socket = connect(port, '127.0.0.1');
    const greeting = await once(socket, 'data').catch(() => undefined);
    socket.destroy();
    if (greeting) return;
    await delay(25);
  }
  throw new Error(`Faktory does not answer on port ${port} (exit code ${child.exitCode})`);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

export async function startFaktory(t: Pick<TestContext, 'after'>, options: FaktoryOptions = {}): Promise<RealFaktory> {
  const program = faktoryPath();
  if (program === undefined) throw new Error('Faktory is not here: see test/helpers/real-parts.ts');
  const home = mkdtempSync(join(tmpdir(), 'faktory-'));
  const dir = options.dir ?? join(home, 'data');
  const pidFile = join(home, 'redis.pid');
  mkdirSync(join(home, 'tmp'));
  mkdirSync(dir, { recursive: true });
  writeRedisWrapper(join(home, 'bin'), pidFile, options.appendonly);
  const [port, webPort] = [await freePort(), await freePort()];
  const env = {
    ...process.env,
    TMPDIR: join(home, 'tmp'),
    PATH: `${join(home, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`,
    FAKTORY_PASSWORD: options.password ?? '',
  };
  let child: ChildProcess;

  async function start(): Promise<void> {
    const args = ['-b', `127.0.0.1:${port}`, '-w', `127.0.0.1:${webPort}`, '-d', dir, '-e', 'development'];
    child = spawnChild(program as string, args, { env, stdio: 'ignore' });
    await greeted(port, child);
  }

  const pid = (): number => child.pid as number;
  const redisPid = (): number => Number(readFileSync(pidFile, 'utf8'));

  async function kill(signal: NodeJS.Signals): Promise<void> {
    const pid = redisPid();
    if (signal === 'SIGKILL' && isAlive(pid)) process.kill(pid, signal);
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await once(child, 'exit');
    }
    // Redis gets a signal of its own when its parent is gone, and saves.
    await until('the end of Redis', () => !isAlive(pid));
  }

  t.after(async () => {
    await kill('SIGKILL');
    rmSync(home, { recursive: true, force: true, maxRetries: 10 });
  });
  await start();
  const password = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`;
  return { port, webPort, url: `tcp://${password}127.0.0.1:${port}`, dir, kill, restart: start, pid, redisPid };
}

/**
 * The text of a page of Faktory's web server. That server closes idle connections after a second (webui/web.go, ReadTimeout), and a
 * request that meets the end of its connection fails: each request has a connection of its own.
 */
export async function readWebPage({ webPort }: Pick<RealFaktory, 'webPort'>, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${webPort}${path}`, { headers: { connection: 'close' } });
  return response.text();
}
