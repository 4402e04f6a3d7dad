// The program against a real Faktory: jobs counted in the broker, not in responses. FAULTS=1 runs it at full size.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { connectFwp, makeJob } from './broker/fwp-client.ts';
import { showed } from './faults/matrix.ts';
import { faktoryPath } from './helpers/real-parts.ts';
import { readWebPage, startFaktory, type RealFaktory } from './helpers/real-faktory.ts';
import { post, startService } from './helpers/service.ts';

const isFull = process.env['FAULTS'] === '1';
const batches = isFull ? 100 : 5;
const jobsPerBatch = 1000;
const singles = isFull ? 20_000 : 1_000;
const callers = 64;

interface Stats {
  faktory: {
    queues: Record<string, number>;
    sets: { working: number };
    total_processed: number;
    total_failures: number;
  };
}

const statsOf = async (faktory: RealFaktory): Promise<Stats['faktory']> =>
  (JSON.parse(await readWebPage(faktory, '/stats')) as Stats).faktory;

/** Calls `each` `count` times by so many callers at once; a caller whose call says false ends. */
async function closedLoop(count: number, callersMax: number, each: () => Promise<boolean | void>): Promise<void> {
  let started = 0;
  const call = async (): Promise<void> => {
    while (started++ < count) if ((await each()) === false) return;
  };
  await Promise.all(Array.from({ length: Math.min(callersMax, count) }, call));
}

async function startApi(t: TestContext, faktory: RealFaktory): Promise<string> {
  return startService(
    t,
    { FAKTORY_URL: faktory.url, LOG_LEVEL: 'info', SHUTDOWN_DRAIN_DELAY_MS: '0' },
    'api',
  ).readyUrl();
}

const batch = Array.from({ length: jobsPerBatch }, (_, index) => ({ operation: 'add', a: index, b: 1 }));

describe('on a real Faktory', { skip: faktoryPath() === undefined && 'no Faktory on this machine' }, () => {
  it('every job that was answered 202 is counted in the queue, and again after a worker drained it', async (t) => {
    const faktory = await startFaktory(t);
    const url = await startApi(t, faktory);
    const ids = new Set<string>();
    await closedLoop(batches, 4, async () => {
      const { status, body } = await post(`${url}/jobs/batch`, { jobs: batch });
      assert.equal(status, 202);
      for (const id of body['job_ids'] as string[]) ids.add(id);
    });
    await closedLoop(singles, callers, async () => {
      const { status, body } = await post(`${url}/jobs/multiply`, { a: 6, b: 7 });
      assert.equal(status, 202);
      ids.add(String(body['job_id']));
    });
    const total = batches * jobsPerBatch + singles;
    assert.equal(ids.size, total);
    assert.equal((await statsOf(faktory)).queues['default'], total);

    startService(t, { FAKTORY_URL: faktory.url }, 'worker');
    let stats = await statsOf(faktory);
    // Bounded by the runner's own time limit; each look at /stats is a round trip.
    while (stats.total_processed < total) stats = await statsOf(faktory);
    assert.deepEqual(
      [stats.total_processed, stats.total_failures, stats.queues['default'], stats.sets.working],
      [total, 0, 0, 0],
    );
    showed('faktory-no-fault', `${total} jobs answered 202, ${total} stored, ${stats.total_processed} run, 0 failed`);
  });

  it('a job that was answered 202 is kept when it fails, after another client has pushed one without retries', async (t) => {
    const faktory = await startFaktory(t);
    const url = await startApi(t, faktory);
    const client = await connectFwp(t, { port: faktory.port, wid: 'some-worker' });
    assert.equal(await client.ask(`PUSH ${JSON.stringify(makeJob({ queue: 'cron', retry: 0 }))}`), '+OK');
    const { status, body } = await post(`${url}/jobs/add`, { a: 1, b: 2 });
    assert.equal(status, 202);
    const { jid, retry } = await client.askJson('FETCH default');
    assert.deepEqual([jid, retry], [body['job_id'], 25]);
    assert.equal(await client.ask(`FAIL {"jid":"${String(jid)}"}`), '+OK');
    const info = (await client.askJson('INFO')) as { faktory: { sets: Record<string, number> } };
    assert.equal(info.faktory.sets['retries'], 1);
  });

  it('answers again, without a restart of its own, after each of two restarts of the broker', async (t) => {
    const faktory = await startFaktory(t, { appendonly: 'always' });
    const url = await startApi(t, faktory);
    const acknowledged: string[] = [];
    const tally: Record<number, number> = {};
    let isOver = false;
    const traffic = closedLoop(Infinity, 8, async () => {
      const { status, body } = await post(`${url}/jobs/add`, { a: 1, b: 2 });
      tally[status] = (tally[status] ?? 0) + 1;
      if (status === 202) acknowledged.push(String(body['job_id']));
      assert.ok(status === 202 || status === 503 || status === 504, `status ${status}`);
      return !isOver;
    });
    const moreAcknowledged = async (): Promise<void> => {
      const enough = acknowledged.length + (isFull ? 3000 : 1);
      while (acknowledged.length < enough) await new Promise(setImmediate);
    };
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await moreAcknowledged();
      await faktory.kill(signal);
      await faktory.restart();
      await moreAcknowledged();
    }
    isOver = true;
    await traffic;
    const stored = (await statsOf(faktory)).queues['default'] ?? 0;
    assert.ok(stored >= acknowledged.length, `${acknowledged.length} acknowledged, ${stored} stored`);
    assert.ok(stored <= acknowledged.length + (tally[504] ?? 0), `${stored} stored, ${JSON.stringify(tally)}`);
    const responses = Object.entries(tally).map(([status, count]) => `${count} times ${status}`);
    showed('faktory-restarted', `SIGTERM and SIGKILL: ${responses.join(', ')}; ${stored} stored, 0 lost`);
  });
});
