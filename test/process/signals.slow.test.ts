// Signals to the real program, as npm, systemd, a terminal and nohup send them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { spawnChild } from '../helpers/children.ts';
import { isUnderNohup } from '../../src/process/nohup.ts';
import { startService } from '../helpers/service.ts';
import { nodeArgs, programOf } from '../helpers/paths.ts';

const program = [process.execPath, ...nodeArgs, programOf('src/main.ts')].join(' ');

/** Runs a shell command in a folder and a process group of its own; $PROGRAM is the program. */
function startGroup(t: TestContext, command: string, files: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'signals-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const child = spawnChild('sh', ['-c', command.replaceAll('$PROGRAM', program)], {
    cwd: folder,
    env: { ...process.env, DATA_DIR: join(folder, 'data'), BIND_ADDR: '127.0.0.1:0', SHUTDOWN_DRAIN_DELAY_MS: '50' },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const group = -(child.pid as number);
  const kill = (signal: NodeJS.Signals): boolean => {
    try {
      return process.kill(group, signal);
    } catch {
      return false; // it has ended
    }
  };
  const stops: string[] = [];
  const stopSignals: string[] = [];
  const listens = new Promise<number>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const { msg, pid, signal } = JSON.parse(line) as { msg: string; pid: number; signal?: string };
      if (/stop|exit/.test(msg)) stops.push(msg);
      if (signal !== undefined) stopSignals.push(signal);
      if (msg === 'the API listens') resolve(pid);
    });
  });
  const closed = once(child, 'close').then(([code]) => code as number | null);
  t.after(async () => {
    kill('SIGKILL');
    await closed;
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  return { kill, stops, stopSignals, listens, closed };
}

describe('a stop of the process group of npm', () => {
  const scripts = { start: `exec ${program}` };
  const files = { 'package.json': JSON.stringify({ name: 'x', version: '0.0.0', scripts }) };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`drains at ${signal}, which npm forwards a second time`, async (t) => {
      const group = startGroup(t, 'exec npm start', files);
      await group.listens;
      group.kill(signal);
      await group.closed;
      assert.deepEqual(group.stops, ['stopping', 'stopped']);
    });
  }
});

describe('nohup', () => {
  it('is seen in the name that the shell gives, and not in any other', () => {
    assert.equal(isUnderNohup({ _: '/usr/bin/nohup' }), true);
    assert.equal(isUnderNohup({ _: 'nohup' }), true);
    for (const env of [{}, { _: '/usr/bin/node' }, { _: '/opt/nohup/node' }]) assert.equal(isUnderNohup(env), false);
  });

  // The second one is what GNU nohup does to a terminal on standard input.
  for (const command of ['_=/usr/bin/nohup exec $PROGRAM', 'exec $PROGRAM 0>/dev/null']) {
    it(`keeps SIGHUP from stopping the program: ${command}`, async (t) => {
      const group = startGroup(t, command);
      const pid = await group.listens;
      process.kill(pid, 'SIGHUP');
      process.kill(pid, 'SIGTERM');
      assert.equal(await group.closed, 0);
      assert.deepEqual(group.stopSignals, ['SIGTERM']);
    });
  }

  it('is not taken for granted: SIGHUP stops a program in order', async (t) => {
    const service = startService(t, { SHUTDOWN_DRAIN_DELAY_MS: '0' });
    await service.url();
    assert.equal(await service.end('SIGHUP'), 0);
    const stopping = await service.line(({ msg }) => msg === 'stopping');
    assert.equal(stopping['signal'], 'SIGHUP');
  });
});

it('a signal during the start stops the program in order, or before it began', async (t) => {
  const service = startService(t, { SHUTDOWN_DRAIN_DELAY_MS: '0', LOG_LEVEL: 'trace' });
  await service.line(({ msg }) => msg === 'the embedded broker listens');
  assert.equal(await service.end('SIGTERM'), 0);
  assert.ok(service.lines.some(({ msg }) => msg === 'stopped'));
});
