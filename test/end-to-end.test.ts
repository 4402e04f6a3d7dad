// The whole program, started as its users start it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'faktory-worker';
import { queuedJobs, startBroker } from './helpers/broker.ts';
import { exampleOf, operationNames, typeNamed } from './helpers/jobs.ts';
import { get, post, startService, type Service } from './helpers/service.ts';
import { createSuite } from './helpers/suite.ts';

async function enqueue(port: number, jid: string): Promise<void> {
  const client = new Client({ host: '127.0.0.1', port });
  await client.push({ jid, jobtype: 'math_add', queue: 'default', args: [{ a: 1, b: 2 }] });
  await client.close();
}

describe('npm start without FAKTORY_URL', () => {
  const suite = createSuite();
  const env = { SHUTDOWN_DRAIN_DELAY_MS: '0' };
  const dataDir = mkdtempSync(join(tmpdir(), 'all-in-one-'));
  suite.after(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 }));
  let service: Service;
  before(() => void (service = startService(suite, { ...env, DATA_DIR: dataDir })));

  it('takes each operation, runs it, and hands back the result', async () => {
    const url = await service.readyUrl();
    for (const name of operationNames) {
      const { args, result } = exampleOf(name);
      const { a, b } = args;
      const posted = await post(`${url}/jobs/${name}`, { a, b });
      assert.equal(posted.status, 202);
      assert.equal(posted.body['message'], typeNamed(name).describe(args));
      const { status, body } = await get(`${url}/jobs/${String(posted.body['job_id'])}?wait=30`);
      assert.equal(status, 200);
      assert.equal(body['state'], 'succeeded');
      assert.equal(body['result'], result);
    }
  });

  it('answers a batch with a bad entry entry by entry, and runs the good ones', async () => {
    const url = await service.readyUrl();
    const { status, body } = await post(`${url}/jobs/batch`, {
      jobs: [
        { operation: 'add', a: 1, b: 2 },
        { operation: 'pow', a: 1, b: 2 },
        { operation: 'multiply', a: 3, b: 4 },
      ],
    });
    assert.equal(status, 206);
    assert.equal(body['message'], 'Enqueued 2/3 jobs');
    assert.deepEqual(body['errors'], ['Unknown operation: pow']);
    const ids = body['job_ids'] as string[];
    const results = await Promise.all(ids.map((id) => get(`${url}/jobs/${id}?wait=30`)));
    assert.deepEqual(
      results.map((response) => response.body['result']),
      [3, 12],
    );
  });

  it('is ready, and names its durability', async () => {
    const ready = await get(`${await service.readyUrl()}/ready`);
    assert.equal(ready.status, 200);
    assert.equal(ready.body['durability'], 'fsync');
  });

  it('still knows jobs and results after kill -9 and a new start on the same folder', async () => {
    const { body } = await post(`${await service.readyUrl()}/jobs/add`, { a: 20, b: 22 });
    const id = String(body['job_id']);
    assert.equal((await get(`${await service.url()}/jobs/${id}?wait=30`)).body['result'], 42);
    assert.equal(await service.end('SIGKILL'), null);
    service = startService(suite, { ...env, DATA_DIR: dataDir });
    const again = await get(`${await service.url()}/jobs/${id}`);
    assert.equal(again.body['result'], 42);
  });

  it('stops with exit code 0 on SIGTERM', async () => {
    await service.readyUrl();
    assert.equal(await service.end('SIGTERM'), 0);
    assert.ok(service.lines.some(({ msg }) => msg === 'stopped'));
  });

  it('ends at once, with exit code 1, on a second signal a second later', async (t) => {
    const stopping = startService(t, { SHUTDOWN_DRAIN_DELAY_MS: '5000' });
    await stopping.url();
    stopping.process.kill('SIGTERM');
    await stopping.line(({ msg }) => msg === 'stopping');
    await sleep(1100);
    assert.equal(await stopping.end('SIGTERM'), 1);
    assert.ok(stopping.lines.every(({ msg }) => msg !== 'stopped'));
  });
});

describe('a start that fails', () => {
  it('on a taken port has fetched no job', async (t) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'port-taken-'));
    t.after(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 }));
    const before = await startBroker(t, { dataDir: join(dataDir, 'broker') });
    await enqueue(before.port, 'waiting-job');
    await before.close();
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    t.after(() => taken.close());
    const { port } = taken.address() as AddressInfo;
    const service = startService(t, { DATA_DIR: dataDir, BIND_ADDR: `127.0.0.1:${port}` });
    await service.line(({ msg }) => msg?.startsWith('cannot listen on BIND_ADDR') ?? false);
    assert.equal(await service.exited, 1);
    assert.ok(service.lines.every(({ msg }) => msg !== 'the worker runs'));
    const after = await startBroker(t, { dataDir: join(dataDir, 'broker') });
    assert.equal(await queuedJobs(after.port), 1);
  });

  it('on results that cannot be opened names their folder and what to do, without a stack trace', async (t) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'no-results-'));
    t.after(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 }));
    writeFileSync(join(dataDir, 'results'), '');
    const service = startService(t, { DATA_DIR: dataDir });
    assert.equal(await service.exited, 1);
    const printed = service.lines.filter(({ time }) => time === undefined).map(({ msg }) => msg);
    assert.equal(printed.length, 1, printed.join('\n'));
    assert.ok(printed[0]?.startsWith(`the results database ${join(dataDir, 'results')} cannot be opened: `));
  });
});

describe('the roles', () => {
  it('share one broker and one queue as separate processes', async (t) => {
    const broker = startService(t, { FAKTORY_BIND: '127.0.0.1:0', FAKTORY_PASSWORD: 'p@ss' }, 'broker');
    const { broker: address } = await broker.line(({ msg }) => msg === 'the broker listens');
    const env = { FAKTORY_URL: `tcp://:p%40ss@${String(address)}`, SHUTDOWN_DRAIN_DELAY_MS: '0' };
    const worker = startService(t, env, 'worker');
    const api = startService(t, env, 'api');
    const { body } = await post(`${await api.readyUrl()}/jobs/add`, { a: 1, b: 2 });
    const ran = await worker.line(({ jid }) => jid === body['job_id']);
    assert.equal(ran['result'], 3);
    assert.equal((await get(`${await api.url()}/jobs/${String(body['job_id'])}`)).status, 501);
    assert.equal(await api.end(), 0);
    assert.equal(await worker.end(), 0);
    assert.equal(await broker.end(), 0);
    const printed = JSON.stringify([...broker.lines, ...worker.lines, ...api.lines]);
    assert.ok(!printed.includes('p@ss') && !printed.includes('p%40ss'), 'the password was printed');
  });

  // A worker refuses in test/process/env-file.test.ts, as does a program whose environment is wrong.
  it('refuse to start as the API alone without a broker, and say what to do', async (t) => {
    const service = startService(t, {}, 'api');
    await service.line(({ msg }) => msg?.includes('set FAKTORY_URL') ?? false);
    assert.equal(await service.exited, 1);
  });

  it('stay when the broker is away: the worker waits for it', async (t) => {
    const worker = startService(t, { FAKTORY_URL: 'tcp://127.0.0.1:1' }, 'worker');
    await worker.line(({ msg }) => msg === 'the broker is away');
    const ended = await Promise.race([worker.exited, new Promise((resolve) => setTimeout(resolve, 1000, 'alive'))]);
    assert.equal(ended, 'alive');
    assert.equal(await worker.end(), 0);
  });

  it('run as the API alone when FAKTORY_URL is set, and answer 503 while that broker is away', async (t) => {
    const service = startService(t, { FAKTORY_URL: 'tcp://127.0.0.1:1' });
    const url = await service.url();
    const { status, body } = await post(`${url}/jobs/add`, { a: 1, b: 2 });
    assert.equal(status, 503);
    assert.equal(body['code'], 'broker_unavailable');
    assert.equal(body['outcome'], 'not_enqueued');
    await service.line(({ msg }) => msg === 'the broker is away: jobs are refused');
    assert.equal((await get(`${url}/health`)).status, 200);
    assert.equal((await get(`${url}/ready`)).status, 503);
  });
});
