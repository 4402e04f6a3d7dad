// Locks of unique jobs: the worker says that one is free when the broker has the job no more, and not before.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { job, startFetchScript, startWorker, throwingRegistry } from './worker-harness.ts';
import { until } from '../helpers/until.ts';

const lock = 'A'.repeat(43);

const unique = (fields: object = {}): string => {
  const made = JSON.parse(job()) as { custom?: object };
  return JSON.stringify({ ...made, custom: { ...made.custom, unique_key: lock }, ...fields });
};
const jidOf = (text: string): string => (JSON.parse(text) as { jid: string }).jid;

it('a lock is free when the broker has answered the ACK', async (t) => {
  const replies: (() => void)[] = [];
  const broker = await startFetchScript(t, (line, peer) => {
    if (!line.startsWith('ACK')) return undefined;
    replies.push(() => peer.write('+OK\r\n'));
    return '';
  });
  const freed: [string, string][] = [];
  startWorker(t, broker.port, { onUnlocked: (name, jid) => void freed.push([name, jid]) });
  const [text, plain] = [unique(), job()];
  broker.enqueue([plain, text]);
  await broker.reported('ACK', 2);
  assert.deepEqual(freed, []);
  for (const reply of replies) reply();
  await until('a free lock', () => freed.length > 0);
  assert.deepEqual(freed, [[lock, jidOf(text)]]);
});

for (const [what, fields, isFree] of [
  ['is retried', { retry: 5 }, false],
  ['is dead', { retry: -1 }, true],
  ['is gone, as its retry is 0', { retry: 0 }, true],
] as const) {
  it(`a lock is ${isFree ? 'free' : 'held'} when a job has failed and ${what}`, async (t) => {
    const broker = await startFetchScript(t);
    const freed: string[] = [];
    const worker = startWorker(t, broker.port, {
      registry: throwingRegistry,
      onUnlocked: (_name, jid) => void freed.push(jid),
    });
    const text = unique(fields);
    broker.enqueue([text]);
    await broker.reported('FAIL', 1);
    await until('every report is made', () => worker.stats.reporting === 0);
    assert.deepEqual(freed, isFree ? [jidOf(text)] : []);
  });
}

it('an expired job frees its lock', async (t) => {
  const broker = await startFetchScript(t);
  const freed: string[] = [];
  const worker = startWorker(t, broker.port, { onUnlocked: (_name, jid) => void freed.push(jid) });
  const text = unique({ custom: { unique_key: lock, expires_at: '2001-01-01T00:00:00Z' } });
  broker.enqueue([text]);
  await broker.reported('ACK', 1);
  await until('every report is made', () => worker.stats.reporting === 0);
  assert.deepEqual(freed, [jidOf(text)]);
});
