// A handler process whose worker was killed while a job blocks: it must not go on for ever.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnChild } from '../helpers/children.ts';
import { nodeArgs, programUrlOf } from '../helpers/paths.ts';
import { until } from '../helpers/until.ts';

const moduleUrl = programUrlOf('src/handlers/end-with-parent.ts');

/** Says its pid and blocks. */
const blocking = `
import { endWithParent } from ${JSON.stringify(moduleUrl)};
endWithParent();
process.stdout.write(String(process.pid), () => setTimeout(() => { for (;;); }, 500));`;

/** Starts the process that blocks, hands its pid on, and waits. */
const parent = `
import { spawn } from 'node:child_process';
const args = ${JSON.stringify([...nodeArgs, '--input-type=module', '-e', blocking])};
spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
setInterval(() => undefined, 1000);`;

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it('a process that blocks ends when its parent is killed', async (t) => {
  const child = spawnChild(process.execPath, ['--input-type=module', '-e', parent], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const pid = Number(text);
  t.after(() => isAlive(pid) && process.kill(pid, 'SIGKILL'));
  await sleep(1500);
  assert.ok(isAlive(pid), 'it runs while its parent does');
  child.kill('SIGKILL');
  await until(`the end of process ${pid}`, () => !isAlive(pid));
});
