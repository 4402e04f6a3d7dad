// On Linux a niceness belongs to a thread, and a process has threads of V8 and libuv before its own code runs.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { getPriority } from 'node:os';
import { it } from 'node:test';
import { spawnChild } from '../helpers/children.ts';
import { nodeArgs, programUrlOf } from '../helpers/paths.ts';

/** Has threads, and says the niceness of each before and after the call. */
const manyThreads = `
import { readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { becomeNice } from ${JSON.stringify(programUrlOf('src/handlers/niceness.ts'))};
await stat('.');
new Worker('setInterval(() => undefined, 1000)', { eval: true }).unref();
const all = () => readdirSync('/proc/self/task').map((thread) => getPriority(Number(thread)));
const before = all();
becomeNice();
console.log(JSON.stringify([before, all()]));`;

it('every thread becomes nice', { skip: process.platform !== 'linux' && 'not Linux' }, async () => {
  const child = spawnChild(process.execPath, [...nodeArgs, '--input-type=module', '-e', manyThreads], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const [before, after] = JSON.parse(text.toString()) as [number[], number[]];
  assert.deepEqual(new Set(before), new Set([getPriority()]));
  assert.ok(after.length >= before.length && before.length > 5);
  assert.deepEqual(new Set(after), new Set([19]));
});
