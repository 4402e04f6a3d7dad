// Faktory and its Redis, killed together at random moments while the API takes singles and batches: what was acknowledged is
// there after the restart when Redis syncs before it answers, and is not when Faktory is used as it comes. A process that is
// killed leaves what it wrote to the kernel, so this tests the order of Redis's writes and replies, not the disk: only a
// power loss would. FAULTS=1: 20 kills and 200,000 jobs.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createRandom } from '../helpers/fault-proxy.ts';
import type { RealFaktory } from '../helpers/real-faktory.ts';
import { faktoryPath } from '../helpers/real-parts.ts';
import { startRedis } from '../helpers/redis.ts';
import { get, startService } from '../helpers/service.ts';
import { until } from '../helpers/until.ts';
import { checkConservation, describeFindings, violationsOf, type Facts } from './conservation.ts';
import { startCrowd } from './crowd.ts';
import { watchEnds, type Ends } from './load.ts';
import { showed } from './matrix.ts';
import { assertConserved, factsOf, setUpScene, type Scene } from './scene.ts';
import { runsOf, storedIn } from './seen.ts';

const isFull = process.env['FAULTS'] === '1';
const kills = isFull ? 20 : 1;
const jobsPerKill = isFull ? 10_500 : 1000;
const crowd = { singles: 16, batches: 4, jobsPerBatch: 100 };
/** So late at most after the last job that was waited for. */
const killAfterMsMax = 50;

/** Under load; resolves when all callers have their responses. */
async function killAgainAndAgain(t: TestContext, { faktory, callers }: Scene, rounds: number): Promise<void> {
  const random = createRandom(rounds);
  const load = startCrowd(t, callers, crowd);
  for (let round = 1; round <= rounds; round++) {
    await callers.untilAcknowledged(callers.acknowledged + jobsPerKill * (0.5 + random()));
    await delay(random() * killAfterMsMax);
    await faktory.kill('SIGKILL');
    await faktory.restart();
  }
  await callers.untilAcknowledged(Math.max(callers.acknowledged + 1, rounds * jobsPerKill));
  await load.stop();
}

/** From here on nothing is killed: a worker does not have to wait for a sync at each FETCH and ACK. */
async function stopSyncing({ dir }: RealFaktory): Promise<void> {
  const redis = new Redis(join(dir, 'redis.sock'));
  await redis.config('SET', 'appendfsync', 'no');
  redis.disconnect();
}

async function untilRun(ends: Ends, count: number): Promise<void> {
  const untilMs = performance.now() + 300_000;
  while (ends.runs.size < count && performance.now() < untilMs) await delay(50);
}

/** An ACK follows the result. */
const untilAcked = (faktory: RealFaktory): Promise<void> =>
  until('every job is acknowledged', async () => (await storedIn(faktory)).length === 0);

const durabilityOf = async ({ url }: Scene): Promise<unknown> => (await get(`${url}/ready`)).body['durability'];

const skip = !faktoryPath() && 'no Faktory on this machine';

describe('Faktory and its Redis, killed under load', { skip, concurrency: !isFull }, () => {
  it('lose no acknowledged job with appendfsync always, and all of them run', async (t) => {
    const redis = await startRedis(t);
    const more = { RESULTS_URL: redis.url, FAKTORY_DURABILITY: 'fsync' };
    const scene = await setUpScene(t, { appendonly: 'always' }, more);
    const { faktory, callers } = scene;
    const ends = await watchEnds(t, redis.url);
    await killAgainAndAgain(t, scene, kills);
    assert.equal(await durabilityOf(scene), 'fsync');

    const { offered, acknowledged } = callers;
    const facts = await factsOf(scene);
    const findings = assertConserved(facts);
    assert.ok(acknowledged >= kills * jobsPerKill, `${acknowledged} acknowledged`);
    // One kill may come between two frames.
    assert.ok(!isFull || offered.some(({ outcome }) => outcome === 'unknown'), 'nothing was in flight at any kill');
    showed('broker-killed-fsync', `${kills} kill(s): ${describeFindings(facts, findings)}`);

    await stopSyncing(faktory);
    startService(t, scene.env, 'worker');
    await untilRun(ends, facts.stored.length);
    const records = await ends.all(
      facts.stored.map(({ jobId }) => jobId),
      60_000,
    );
    await untilAcked(faktory);
    const done: Facts = { offered, stored: [], run: runsOf(records, ends) };
    showed('broker-killed-fsync', `after a worker: ${describeFindings(done, assertConserved(done))}`);
  });

  it('lose what was acknowledged since the last snapshot as they come, and nobody says otherwise', async (t) => {
    const scene = await setUpScene(t);
    await killAgainAndAgain(t, scene, 1);
    // Nobody has declared a class, and none is made up.
    assert.equal(await durabilityOf(scene), 'unknown');
    const facts = await factsOf(scene);
    const findings = checkConservation(facts);
    assert.deepEqual(Object.keys(violationsOf(findings)), ['lost']);
    assert.ok(findings.lost.length >= jobsPerKill / 2, `${findings.lost.length} lost`);
    showed('broker-killed-stock', `1 kill: ${describeFindings(facts, findings)}`);
  });
});
