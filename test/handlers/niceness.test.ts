// On Linux a niceness belongs to a thread. A handler process starts threads before the worker has made it nicer, when the
// worker does not get a processor in between.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { getPriority } from 'node:os';
import { it } from 'node:test';
import { makeNicer } from '../../src/handlers/niceness.ts';
import { spawnChild } from '../helpers/children.ts';
import { nodeArgs, programUrlOf } from '../helpers/paths.ts';

const steps = 3;

/** Has threads, and says the niceness of each: at the first line of its input, and after it has made them as nice as the first. */
const manyThreads = `
import { readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { makeThreadsAsNice } from ${JSON.stringify(programUrlOf('src/handlers/niceness.ts'))};
await stat('.');
new Worker('setInterval(() => undefined, 1000)', { eval: true }).unref();
const all = () => readdirSync('/proc/self/task').map((thread) => getPriority(Number(thread)));
process.stdin.once('data', () => {
  const before = all();
  makeThreadsAsNice();
  console.log(JSON.stringify([before, all()]));
  process.exit();
});
console.log('ready');`;

it('every thread becomes as nice as the first', { skip: process.platform !== 'linux' && 'not Linux' }, async () => {
  const child = spawnChild(process.execPath, [...nodeArgs, '--input-type=module', '-e', manyThreads], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  makeNicer(child.pid as number, steps);
  child.stdin.write('go\n');
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const [before, after] = JSON.parse(text.toString()) as [number[], number[]];
  const [own, nicer] = [getPriority(), getPriority() + steps];
  assert.ok(before.includes(own) && before.includes(nicer), `the threads differ: ${before.join(' ')}`);
  assert.ok(after.length >= before.length);
  assert.deepEqual(new Set(after), new Set([nicer]));
});
