// Worker processes that are killed, restarted, cut off from their Redis and spread over two hosts, under load: every job that
// was answered 202 has its result in the end. On a real Faktory, but where orphans of a kill are to be had without
// waiting: they come back after 60 s of reservation, a reaper's round of 15 s and a retry's 15 to 44 s, so the small run takes
// the embedded broker, whose clock can be moved on. FAULTS=1 takes Faktory there too, and the full sizes.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { JobRecord } from '../../src/domain/results.ts';
import { startBroker } from '../helpers/broker.ts';
import { createRandom } from '../helpers/fault-proxy.ts';
import { readWebPage, startFaktory, type RealFaktory } from '../helpers/real-faktory.ts';
import { faktoryPath, redisServerPath } from '../helpers/real-parts.ts';
import { startRedis, type StartedRedis } from '../helpers/redis.ts';
import { startService, type Service } from '../helpers/service.ts';
import { until } from '../helpers/until.ts';
import { hostNames, startOnHost, type HostWorker } from './host-worker.ts';
import { startLoad, watchEnds, type Ends, type Load } from './load.ts';
import { showed, type FaultId } from './matrix.ts';
import { createMovableClock } from './movable-clock.ts';

const isFull = process.env['FAULTS'] === '1';
const noRedis = redisServerPath() === undefined && 'no Redis on this machine';
const noFaktory = faktoryPath() === undefined && 'no Faktory on this machine';

interface Scene {
  /** Of the API, which shares the broker and the Redis with the workers. */
  url: string;
  redis: StartedRedis;
  ends: Ends;
  env: Record<string, string>;
  startWorker(): Service;
}

async function setUp(t: TestContext, brokerUrl: string, redis?: StartedRedis): Promise<Scene> {
  const own = redis ?? (await startRedis(t));
  const env = { FAKTORY_URL: brokerUrl, RESULTS_URL: own.url, SHUTDOWN_DRAIN_DELAY_MS: '0' };
  const [url, ends] = await Promise.all([startService(t, env, 'api').readyUrl(), watchEnds(t, own.url)]);
  return { url, redis: own, ends, env, startWorker: () => startService(t, env, 'worker') };
}

const works = (worker: Service) => worker.line(({ msg }) => msg === 'job succeeded');

function assertRight(load: Load, records: ReadonlyMap<string, JobRecord>): void {
  assert.ok(load.expected.size > 100, 'no load');
  assert.equal(records.size, load.expected.size);
  for (const [id, sum] of load.expected) assert.equal(records.get(id)?.result, sum);
}

const assertAllAccepted = ({ byStatus }: Load): void => assert.deepEqual(Object.keys(byStatus), ['202']);

/** How many jobs the broker still has. */
async function leftIn(server: RealFaktory): Promise<number> {
  const { faktory } = JSON.parse(await readWebPage(server, '/stats')) as {
    faktory: { queues: Record<string, number>; tasks: Record<string, { size: number }> };
  };
  const sizeOf = (set: string): number => faktory.tasks[set]?.size ?? 0;
  return (faktory.queues['default'] ?? 0) + sizeOf('Working') + sizeOf('Retries');
}

/** An ACK follows its result. */
const untilNothingLeft = (faktory: RealFaktory): Promise<void> =>
  until('no job is left', async () => (await leftIn(faktory)) === 0);

/** Resolves when the page names them all. */
async function untilBusy(server: RealFaktory, workers: readonly HostWorker[]): Promise<void> {
  await until('the page names every worker', async () => {
    const page = await readWebPage(server, '/busy');
    return workers.every(({ name, pid }) => new RegExp(`${name}-${pid}-[0-9a-f]{8}`).test(page));
  });
}

/** Kills the workers in turn, each at some moment after its first job, and starts another in its place. */
async function killInTurn(scene: Scene, workers: Service[], kills: number, afterMsMax: number): Promise<void> {
  const random = createRandom(kills);
  for (let round = 0; round < kills; round++) {
    const index = round % workers.length;
    const worker = workers[index] as Service;
    await works(worker);
    // The first one right away: jobs that came before it started are in its hands.
    if (round > 0) await delay(random() * afterMsMax);
    assert.equal(await worker.end('SIGKILL'), null);
    workers[index] = scene.startWorker();
  }
}

function report(row: FaultId, what: string, load: Load, ends: Ends, records: ReadonlyMap<string, JobRecord>): void {
  const second = [...records.values()].filter(({ attempts }) => attempts !== 1).length;
  showed(
    row,
    `${what}: ${load.expected.size} jobs acknowledged, the slowest response after ${Math.round(load.slowestMs)} ms; ` +
      `${records.size} results, ${second} by a second attempt, ${ends.repeated.length} jobs ran twice`,
  );
}

describe('workers under load', { concurrency: !isFull }, () => {
  it('that are killed lose no result: the jobs in their hands run again', { skip: isFull || noRedis }, async (t) => {
    const clock = createMovableClock();
    const broker = await startBroker(t, { clock });
    const scene = await setUp(t, broker.url);
    const load = startLoad(t, scene.url, 400);
    const workers = [scene.startWorker()];
    await killInTurn(scene, workers, 2, 50);
    await load.stop();
    await works(workers[0] as Service);
    // The clock passes the reservation, the scan for expired reservations, the longest first pause of a retry and the scan for due
    // retries. It does so twice, because a scan that is still running delays the next scan.
    for (let passedMs = 0; passedMs < 2 * (60_000 + 15_000 + 44_000 + 5000); passedMs += 5000) {
      clock.advance(5000);
      await delay(10);
    }
    const records = await scene.ends.all(load.expected.keys(), 60_000);
    assertRight(load, records);
    assertAllAccepted(load);
    assert.ok(
      [...records.values()].some(({ attempts }) => attempts === 2),
      'no worker was killed with a job in its hands',
    );
    report('worker-killed', '2 kills', load, scene.ends, records);
  });

  it(
    'that are killed lose no result on a real Faktory either',
    { skip: (!isFull && 'FAULTS=1 only: 3 minutes') || noFaktory },
    async (t) => {
      const faktory = await startFaktory(t);
      const scene = await setUp(t, faktory.url);
      const load = startLoad(t, scene.url, 500);
      const kills = 20;
      const workers = [scene.startWorker(), scene.startWorker()];
      await killInTurn(scene, workers, kills, 2000);
      await load.stop();
      const startedMs = performance.now();
      const records = await scene.ends.all(load.expected.keys(), 200_000);
      const lastMs = performance.now() - startedMs;
      assertRight(load, records);
      assertAllAccepted(load);
      await untilNothingLeft(faktory);
      const lastS = Math.round(lastMs / 1000);
      const what = `${kills} kills on a real Faktory, the last result ${lastS} s after the last job`;
      report('worker-killed', what, load, scene.ends, records);
    },
  );

  it('on two hosts, restarted in turn, lose no result and run no job twice', { skip: noFaktory }, async (t) => {
    const faktory = await startFaktory(t);
    const scene = await setUp(t, faktory.url);
    const workers = hostNames.map((name) => startOnHost(t, name, scene.env));
    await Promise.all(workers.map(({ runs }) => runs));
    // So few that the log of a worker has a line for nearly each.
    const load = startLoad(t, scene.url, 80);
    await delay(isFull ? 10_000 : 500);
    await untilBusy(faktory, workers);

    const restarts = isFull ? 10 : 1;
    /** Jobs by host. */
    const ran = [0, 0] as [number, number];
    let slowestMs = 0;
    async function end(host: 0 | 1, signal: NodeJS.Signals): Promise<void> {
      const worker = workers[host] as HostWorker;
      const startedMs = performance.now();
      assert.equal(await worker.end(signal), signal === 'SIGTERM' ? 0 : null);
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
      ran[host] += worker.jobs();
    }
    for (let round = 0; round < restarts; round++) {
      const host = round % 2 === 0 ? 0 : 1;
      await end(host, 'SIGTERM');
      const fresh = startOnHost(t, hostNames[host], scene.env);
      workers[host] = fresh;
      await fresh.runs;
      await delay(isFull ? 2000 : 1000);
    }
    await load.stop();
    const records = await scene.ends.all(load.expected.keys(), 60_000);
    await untilNothingLeft(faktory);
    // A stop right after a burst takes some 4 s: each connection has two FETCHes under way, which wait 2 s each.
    const last = isFull ? 'SIGTERM' : 'SIGKILL';
    await Promise.all([end(0, last), end(1, last)]);
    assertRight(load, records);
    assertAllAccepted(load);
    assert.deepEqual(scene.ends.repeated, []);
    assert.equal(scene.ends.runs.size, load.expected.size);
    assert.ok(Math.min(...ran) > (isFull ? load.expected.size / 10 : 0), `they ran ${ran.join(' and ')} jobs`);
    assert.ok(slowestMs < 35_000, `an exit took ${slowestMs} ms`);
    const what = `${restarts} restarts, the slowest exit after ${Math.round(slowestMs)} ms, ${ran.join(' and ')} jobs by host`;
    report('worker-restarted', what, load, scene.ends, records);
  });

  const rows = { frozen: 'results-frozen', killed: 'results-killed' } as const;
  const outages = isFull ? (['frozen', 'killed'] as const) : (['killed'] as const);
  for (const outage of outages) {
    it(
      `lose no job while their Redis is ${outage} for a while, and enqueueing does not notice`,
      { skip: noFaktory },
      async (t) => {
        const faktory = await startFaktory(t);
        const scene = await setUp(t, faktory.url, await startRedis(t, { appendfsync: 'always' }));
        const { redis } = scene;
        const worker = scene.startWorker();
        const load = startLoad(t, scene.url, isFull ? 400 : 200);
        await works(worker);
        if (outage === 'killed') await redis.kill();
        else redis.freeze();
        await delay(isFull ? 10_000 : 2000);
        if (outage === 'killed') await redis.restart();
        else redis.thaw();
        const startedMs = performance.now();
        await worker.line(({ msg }) => msg === 'the result store takes results again');
        await load.stop();
        const records = await scene.ends.all(load.expected.keys(), 60_000);
        const caughtUpMs = performance.now() - startedMs;
        assertAllAccepted(load);
        assertRight(load, records);
        // Enqueueing waits for no Redis, whose commands have 2 s.
        if (isFull) assert.ok(load.slowestMs < 1500, `a response took ${load.slowestMs} ms`);
        await untilNothingLeft(faktory);
        const what = `Redis ${outage}, all results ${Math.round(caughtUpMs)} ms after its return`;
        report(rows[outage], what, load, scene.ends, records);
      },
    );
  }
});
