// The worker on whole brokers, the embedded one and a real Faktory, with the stores that belong to them.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/domain/clock.ts';
import { createArithmeticJob } from '../helpers/jobs.ts';
import { FaktoryClient } from '../../src/faktory/client.ts';
import { createEmbeddedResults } from '../../src/results/embedded.ts';
import { createRedisResults } from '../../src/results/redis.ts';
import { startBroker } from '../helpers/broker.ts';
import { readWebPage, startFaktory } from '../helpers/real-faktory.ts';
import { faktoryPath, redisServerPath } from '../helpers/real-parts.ts';
import { startRedis } from '../helpers/redis.ts';
import { createSuite } from '../helpers/suite.ts';
import { until } from '../helpers/until.ts';
import { createHeldResults, job, startWorker } from './worker-harness.ts';

interface Info {
  faktory: { queues: Record<string, number>; tasks: Record<string, { size: number }>; total_processed: number };
}

async function openClient(t: TestContext, port: number): Promise<FaktoryClient> {
  const client = new FaktoryClient({
    address: { host: '127.0.0.1', port, tls: false, password: undefined },
    size: 1,
    clock: systemClock,
    random: Math.random,
    connectTimeoutMs: 2000,
    readTimeoutMs: 10_000,
    writeTimeoutMs: 2000,
    keepAliveDelayMs: 60_000,
  });
  t.after(() => client.close());
  await client.warm;
  return client;
}

const infoOf = async (client: FaktoryClient): Promise<Info> => (await client.info()) as unknown as Info;

async function openResults(t: TestContext) {
  const dataDir = mkdtempSync(join(tmpdir(), 'results-'));
  const results = await createEmbeddedResults({ dataDir, ttlSeconds: 60, resultsMax: 100_000 });
  t.after(async () => {
    await results.close();
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 10 });
  });
  return results;
}

type Start = (t: Pick<TestContext, 'after'>) => Promise<{ port: number }>;

function workerSuite(name: string, start: Start, skip: boolean): void {
  describe(`the worker on ${name}`, { skip }, () => {
    // One server for all: a Faktory takes a second to start. Each test leaves the queues empty.
    const suite = createSuite();
    let port = 0;
    before(async () => ({ port } = await start(suite)));

    it('runs every job once, keeps every result, and leaves nothing behind', async (t) => {
      const client = await openClient(t, port);
      const results = await openResults(t);
      const jobs = Array.from({ length: 2000 }, (_, index) => createArithmeticJob('multiply', { a: index, b: 2 }));
      await client.send([`PUSHB [${jobs.map(({ encoded }) => encoded).join(',')}]`]);
      const worker = startWorker(t, port, { results, concurrency: 50 });
      const records = await Promise.all(jobs.map(({ jid }) => results.wait(jid, 10_000)));
      assert.deepEqual(
        records.map((record) => record?.result),
        jobs.map((_, index) => index * 2),
      );
      await until('every report is made', () => worker.stats.reporting === 0);
      const { faktory } = await infoOf(client);
      assert.equal(faktory.queues['default'] ?? 0, 0);
      assert.equal(faktory.tasks['Working']?.size ?? 0, 0);
      assert.equal(faktory.total_processed, 2000);
      assert.equal(worker.stats.succeeded, 2000);
    });

    it('serves its queues in strict order', async (t) => {
      const client = await openClient(t, port);
      const results = createHeldResults();
      const push = (queue: string) =>
        client.send([
          `PUSHB [${Array.from({ length: 20 }, () => job({ queue, jid: `${queue}-${Math.random()}` })).join(',')}]`,
        ]);
      await push('low');
      await push('high');
      const worker = startWorker(t, port, { results, queues: ['high', 'low'], concurrency: 1 });
      await until('40 jobs have succeeded', () => worker.stats.succeeded === 40);
      const order = results.puts.flat().map(({ job_id }) => job_id.split('-')[0]);
      assert.deepEqual(order, [...Array<string>(20).fill('high'), ...Array<string>(20).fill('low')]);
    });

    it('gives a job of another service back for a retry', async (t) => {
      const client = await openClient(t, port);
      // In a queue of its own: the FETCHes of the workers before this one still take jobs, although their clients are gone.
      await client.send([`PUSH ${job({ jobtype: 'send_mail', queue: 'mail' })}`]);
      startWorker(t, port, { queues: ['mail'] });
      await until('a retry', async () => (await infoOf(client)).faktory.tasks['Retries']?.size === 1);
    });

    it('stops within the time of one blocked FETCH', async (t) => {
      const worker = startWorker(t, port, { concurrency: 50 });
      await until('five FETCHes', () => worker.stats.fetching === 5);
      const startedMs = performance.now();
      await worker.stop(60_000);
      // A FETCH ends after 2 s.
      assert.ok(performance.now() - startedMs < 20_000);
    });
  });
}

describe('the worker on a real Faktory', { skip: faktoryPath() === undefined }, () => {
  it('has few FETCHes under way when a burst is over, so that its stop is short', async (t) => {
    const { port } = await startFaktory(t);
    const client = await openClient(t, port);
    await client.send([`PUSHB [${Array.from({ length: 2000 }, () => job()).join(',')}]`]);
    const worker = startWorker(t, port, { concurrency: 50 });
    await until('2000 jobs have succeeded', () => worker.stats.succeeded === 2000);
    // Two on each of five connections, and some more where no reply came within 2 ms; each takes a stop 2 s.
    assert.ok(worker.stats.fetching <= 25, `${worker.stats.fetching} FETCHes`);
  });
});

workerSuite('the embedded broker', (t) => startBroker(t), false);
workerSuite('a real Faktory', (t) => startFaktory(t), faktoryPath() === undefined);

describe('the worker with results in Redis', { skip: redisServerPath() === undefined }, () => {
  it('loses no job and no result while Redis is dead for a while', async (t) => {
    const { port } = await startBroker(t);
    const redis = await startRedis(t);
    const client = await openClient(t, port);
    const quiet = { info: () => undefined, warn: () => undefined };
    const results = createRedisResults({ url: redis.url, ttlSeconds: 60, log: quiet });
    t.after(() => results.close());
    const worker = startWorker(t, port, { results });
    await until('a FETCH', () => worker.stats.fetching > 0);
    await redis.kill();
    const jobs = Array.from({ length: 300 }, (_, index) => createArithmeticJob('add', { a: index, b: 1 }));
    await client.send([`PUSHB [${jobs.map(({ encoded }) => encoded).join(',')}]`]);
    await until('results to store, and no FETCH', () => worker.stats.storing > 0 && worker.stats.fetching === 0);
    assert.equal(worker.stats.reporting, 0);
    await redis.restart();
    const states = async (): Promise<unknown[]> =>
      Promise.all(jobs.map(async ({ jid }) => (await results.get(jid).catch(() => undefined))?.result));
    await until('every result', async () => (await states()).every((result, index) => result === index + 1));
    await until('every report is made', () => worker.stats.reporting === 0);
    const { tasks, total_processed } = (await infoOf(client)).faktory;
    assert.equal(total_processed, 300);
    assert.equal(tasks['Retries']?.size ?? 0, 0);
  });
});

describe('two workers on a real Faktory', { skip: faktoryPath() === undefined }, () => {
  it('share a queue, and are both in its page by name', async (t) => {
    const faktory = await startFaktory(t);
    const { port } = faktory;
    const client = await openClient(t, port);
    const workers = [startWorker(t, port, { concurrency: 50 }), startWorker(t, port, { concurrency: 50 })];
    await until('five FETCHes of each', () => workers.every(({ stats }) => stats.fetching === 5));
    const jobs = Array.from({ length: 2000 }, () => job());
    await client.send([`PUSHB [${jobs.join(',')}]`]);
    const ran = (): number[] => workers.map(({ stats }) => stats.succeeded);
    await until('2000 jobs have run', () => ran().reduce((sum, count) => sum + count) === 2000);
    assert.ok(Math.min(...ran()) > 200, `they ran ${ran().join(' and ')} jobs`);
    const page = await readWebPage(faktory, '/busy');
    for (const { wid } of workers) assert.ok(page.includes(wid), `${wid} is not in the page`);
    assert.ok(page.includes('work-factory'));
  });

  it('go on after the server was killed and came back', async (t) => {
    const server = await startFaktory(t);
    const worker = startWorker(t, server.port);
    for (let round = 1; round <= 2; round++) {
      const client = await openClient(t, server.port);
      await client.send([`PUSH ${job()}`]);
      await until(
        'the job is run and reported',
        () => worker.stats.succeeded === round && worker.stats.reporting === 0,
      );
      await client.close();
      if (round === 1) {
        await server.kill('SIGKILL');
        await server.restart();
      }
    }
  });
});
