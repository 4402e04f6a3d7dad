// The whole program: a copy made while jobs come in, the service killed, the copy restored. Every job that was acknowledged
// before the copy began is there and runs, its key makes no second one, and results can be read.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { cli } from '../cli/cli.ts';
import { showed } from '../faults/matrix.ts';
import { brokerFolder } from '../helpers/broker.ts';
import { get, startService } from '../helpers/service.ts';
import { until } from '../helpers/until.ts';

const postKeyed = async (
  url: string,
  number: number,
): Promise<{ status: number; jobId: string; replayed: boolean }> => {
  const response = await fetch(`${url}/jobs/add`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': `key-${number}` },
    body: JSON.stringify({ a: number, b: 1 }),
  });
  const { job_id: jobId } = (await response.json()) as { job_id: string };
  return { status: response.status, jobId, replayed: response.headers.get('idempotency-replayed') === 'true' };
};

it('a copy that is made under load brings back every job, key and result from before', async (t) => {
  const folder = brokerFolder();
  const backupDir = join(folder, 'backups');
  // Nothing fetches from the queue of the arithmetic, so that jobs wait.
  const held = { DATA_DIR: join(folder, 'data'), BACKUP_DIR: backupDir, WORKER_QUEUES: 'other' };
  const early = startService(t, { ...held, WORKER_QUEUES: 'default' });
  const done = await postKeyed(await early.readyUrl(), 0);
  assert.equal((await get(`${await early.url()}/jobs/${done.jobId}?wait=10`)).body['result'], 1);
  assert.equal(await early.end(), 0);

  const first = startService(t, held);
  const url = await first.readyUrl();
  const acknowledged: { number: number; jobId: string }[] = [];
  let [next, stops] = [1, false];
  async function post(): Promise<void> {
    while (!stops) {
      const number = next++;
      const { status, jobId } = await postKeyed(url, number);
      if (status === 202) acknowledged.push({ number, jobId });
    }
  }
  const posting = Promise.all(Array.from({ length: 8 }, post));
  await until('300 jobs are acknowledged', () => acknowledged.length >= 300);
  const before = [...acknowledged];
  const { code, err } = await cli(['backup', 'one', '--url', url]);
  assert.deepEqual([code, err], [0, '']);
  const during = acknowledged.length - before.length;
  stops = true;
  await posting;
  assert.equal(await first.end('SIGKILL'), null);

  const restored = join(folder, 'restored');
  const ran = await cli(['restore', join(backupDir, 'one'), '--json'], { env: { DATA_DIR: restored } });
  assert.deepEqual([ran.code, ran.err], [0, '']);
  const { queues, results } = JSON.parse(ran.out) as { queues: { name: string; jobs: number }[]; results: number };
  assert.ok((queues.find(({ name }) => name === 'default')?.jobs ?? 0) >= before.length);
  assert.equal(results, 1);

  const second = startService(t, { DATA_DIR: restored });
  const there = await second.readyUrl();
  assert.equal((await get(`${there}/jobs/${done.jobId}`)).body['result'], 1);
  for (const { number, jobId } of before) {
    const again = await postKeyed(there, number);
    assert.deepEqual([again.status, again.jobId, again.replayed], [202, jobId, true]);
    const { body } = await get(`${there}/jobs/${jobId}?wait=20`);
    assert.deepEqual([body['state'], body['result']], ['succeeded', number + 1]);
  }
  assert.equal(await second.end(), 0);
  showed('backup-kill', `${before.length} jobs before the copy, all there and run; ${during} while it was made`);
});

it('a copy whose service was killed meanwhile is not taken for a whole one, and the next copy removes it', async (t) => {
  const folder = brokerFolder();
  const backupDir = join(folder, 'backups');
  const env = { DATA_DIR: join(folder, 'data'), BACKUP_DIR: backupDir, PASSTHROUGH_JOBTYPES: 'x' };
  const first = startService(t, env);
  const url = await first.readyUrl();
  // Some megabytes, so that it takes a while.
  const entry = JSON.stringify({ jobtype: 'x', queue: 'x', args: ['x'.repeat(20_000)] });
  const body = `${entry}\n`.repeat(1000);
  const headers = { 'content-type': 'application/x-ndjson' };
  const posted = await fetch(`${url}/jobs/stream?report=summary`, { method: 'POST', headers, body });
  assert.match(await posted.text(), /"enqueued":1000,/);

  const backing = cli(['backup', 'half', '--url', url]);
  while (!existsSync(join(backupDir, '.half.unfinished', 'broker.records'))) await delay(1);
  assert.equal(await first.end('SIGKILL'), null);
  assert.equal((await backing).code, 3);
  assert.deepEqual(readdirSync(backupDir), ['.half.unfinished']);
  const half = await cli(['restore', join(backupDir, '.half.unfinished')], { env: { DATA_DIR: join(folder, 'new') } });
  assert.equal(half.code, 1);

  const second = startService(t, env);
  assert.equal((await cli(['backup', 'half', '--url', await second.readyUrl()])).code, 0);
  assert.deepEqual(readdirSync(backupDir), ['half']);
  const whole = await cli(['restore', join(backupDir, 'half'), '--json'], { env: { DATA_DIR: join(folder, 'new') } });
  assert.match(whole.out, /"name":"x","jobs":1000/);
  showed('backup-kill', 'a kill in the middle left a hidden folder, which the next copy removed');
});

it('a start refuses the folder of a restore that did not end', async (t) => {
  const folder = brokerFolder();
  mkdirSync(join(folder, '.restoring'));
  const service = startService(t, { DATA_DIR: folder });
  assert.equal(await service.exited, 1);
  assert.ok(
    service.lines.some(({ msg }) => /a copy was being restored into DATA_DIR .* restore again/.test(msg ?? '')),
  );
});
