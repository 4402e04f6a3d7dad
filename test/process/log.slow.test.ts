// The real program with a standard output that is full, gone, or not read.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnChild } from '../helpers/children.ts';
import { get, post } from '../helpers/service.ts';
import { nodeArgs, programOf } from '../helpers/paths.ts';

const main = programOf('src/main.ts');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'log-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
  return folder;
}

/** Starts the program with this standard output, and resolves when it is ready. */
async function start(t: TestContext, stdout: number, env: Record<string, string> = {}) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawnChild(process.execPath, [...nodeArgs, main], {
    env: {
      PATH: process.env['PATH'],
      BIND_ADDR: `127.0.0.1:${port}`,
      DATA_DIR: join(folderOf(t), 'data'),
      SHUTDOWN_DRAIN_DELAY_MS: '0',
      ...env,
    },
    stdio: ['ignore', stdout, 'pipe'],
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  t.after(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const errors = text(child.stderr as Readable);
  while ((await get(`${url}/ready`).catch(() => undefined))?.status !== 200) {
    assert.equal(child.exitCode, null, 'it ended instead of serving');
    await sleep(50);
  }
  return { url, child, exited, errors };
}

const lostLines = async (url: string): Promise<number> =>
  Number(/^work_factory_log_lines_lost_total (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]);

/** One line per request, at debug. */
async function logLines(url: string, count: number): Promise<void> {
  const headers = { 'x-request-id': 'x'.repeat(128) };
  for (let sent = 0; sent < count; sent += 100)
    await Promise.all(Array.from({ length: 100 }, async () => (await fetch(`${url}/health`, { headers })).text()));
}

async function addOne(url: string): Promise<void> {
  const { status, body } = await post(`${url}/jobs/add`, { a: 1, b: 2 });
  assert.equal(status, 202);
  const { body: job } = await get(`${url}/jobs/${String(body['job_id'])}?wait=30`);
  assert.equal(job['state'], 'succeeded');
}

describe('a log that cannot be written', () => {
  it('is missed on a full disk only: jobs run, lost lines are counted, standard error says so once, the stop is in order', async (t) => {
    const full = openSync('/dev/full', 'w');
    t.after(() => closeSync(full));
    const { url, child, exited, errors } = await start(t, full);
    // A line is lost when it comes after a write that failed: the first lines still wait for that.
    while ((await lostLines(url)) < 3) await addOne(url);
    child.kill('SIGTERM');
    assert.equal(await exited, 0);
    assert.match(await errors, /^work-factory: the log cannot be written: ENOSPC: .*\n$/);
  });

  it('does not hold up a stop when the reader of a pipe stalls', async (t) => {
    const fifo = join(folderOf(t), 'fifo');
    assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(fifo, 'w');
    t.after(() => closeSync(reader));
    const { url, child, exited } = await start(t, writer, { LOG_LEVEL: 'debug' });
    closeSync(writer);
    // The pipe holds 64 KiB.
    await logLines(url, 500);
    await addOne(url);
    child.kill('SIGTERM');
    const ended = await Promise.race([exited, sleep(60_000, 'held up')]);
    assert.equal(ended, 0);
  });

  it('goes on when the reader of a pipe has ended (EPIPE), and says so on standard error', async (t) => {
    const fifo = join(folderOf(t), 'fifo');
    assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(fifo, 'w');
    const { url, child, exited, errors } = await start(t, writer);
    closeSync(writer);
    closeSync(reader);
    while ((await lostLines(url)) < 3) await addOne(url);
    child.kill('SIGTERM');
    assert.equal(await exited, 0);
    assert.match(await errors, /^work-factory: the log cannot be written: EPIPE: .*\n$/);
  });

  const hasPython = spawnSync('python3', ['--version']).status === 0;
  it('does not end the program when its terminal is gone', { skip: !hasPython }, async (t) => {
    // A terminal whose other side is closed at the first byte of standard input.
    const terminal = `import os,pty,sys
master, slave = pty.openpty()
os.set_inheritable(slave, True)
print(os.ttyname(slave), flush=True)
sys.stdin.read(1)`;
    const holder = spawnChild('python3', ['-c', terminal], { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => holder.kill('SIGKILL'));
    const [name] = (await once(holder.stdout, 'data')) as [Buffer];
    const tty = openSync(name.toString().trim(), constants.O_WRONLY | constants.O_NOCTTY);
    const { url, child, exited } = await start(t, tty);
    closeSync(tty);
    holder.stdin.end('x');
    await once(holder, 'exit');
    await addOne(url);
    assert.equal((await get(`${url}/health`)).status, 200);
    while ((await lostLines(url)) < 1) await addOne(url);
    child.kill('SIGTERM');
    assert.equal(await exited, 0);
  });
});
