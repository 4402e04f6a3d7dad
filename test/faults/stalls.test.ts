// Real Faktory under load while its Redis or itself stands still, and while an operator empties it: responses are late
// or unknown, never wrong. Its driver sends a command again after 3 s and gives up after 6 s, hence the lengths.
// FAULTS=1 has those of some seconds.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connectFwp } from '../broker/fwp-client.ts';
import type { RealFaktory } from '../helpers/real-faktory.ts';
import { faktoryPath } from '../helpers/real-parts.ts';
import { startRedis } from '../helpers/redis.ts';
import { startService } from '../helpers/service.ts';
import {
  checkConservation,
  describeFindings,
  violationsOf,
  type Facts,
  type Findings,
  type SeenJob,
} from './conservation.ts';
import { startCrowd } from './crowd.ts';
import { watchEnds } from './load.ts';
import { showed } from './matrix.ts';
import { assertConserved, factsOf, setUpScene, type Scene } from './scene.ts';
import { runsOf, storedIn } from './seen.ts';

const isFull = process.env['FAULTS'] === '1';
const crowd = { singles: 16, batches: 2, jobsPerBatch: 50 };
const jobsBefore = 500;
/** From the end of a stall to the first job that was asked for after it and acknowledged. */
const recoveryMsMax = 1000;
/** The default of FAKTORY_READ_TIMEOUT. */
const readTimeoutMs = 10_000;
/** The default of WORKER_CONCURRENCY. */
const workerSlots = 50;

interface Stall {
  scene: Scene;
  facts: Facts;
  findings: Findings;
  seen: string;
}

async function freeze(pid: number, lengthMs: number): Promise<{ fromMs: number; toMs: number }> {
  process.kill(pid, 'SIGSTOP');
  const fromMs = performance.now();
  await delay(lengthMs);
  process.kill(pid, 'SIGCONT');
  return { fromMs, toMs: performance.now() };
}

/** Stops a process for a while, under load. */
async function stall(t: TestContext, pidOf: (scene: Scene) => number, lengthMs: number): Promise<Stall> {
  const scene = await setUpScene(t);
  const { callers } = scene;
  const load = startCrowd(t, callers, crowd);
  await callers.untilAcknowledged(jobsBefore);
  const { fromMs, toMs } = await freeze(pidOf(scene), lengthMs);
  await callers.untilAcknowledged(callers.acknowledged + 2 * jobsBefore);
  await load.stop();
  const facts = await factsOf(scene, [{ fromMs, toMs }]);
  const findings = assertConserved(facts);
  const fresh = callers.offered.filter(({ askedMs, outcome }) => askedMs > toMs && outcome === 'enqueued');
  const recoveredMs = Math.min(...fresh.map(({ repliedMs }) => repliedMs)) - toMs;
  assert.ok(recoveredMs <= recoveryMsMax, `the first job after it took ${recoveredMs} ms`);
  const figures = `${describeFindings(facts, findings)}, the slowest response after ${Math.round(callers.slowestMs)} ms`;
  return { scene, facts, findings, seen: `${lengthMs / 1000} s: ${figures}` };
}

const redisOf = ({ faktory }: Scene): number => faktory.redisPid();
const faktoryOf = ({ faktory }: Scene): number => faktory.pid();
const unknownIn = ({ offered }: Facts): number => offered.filter(({ outcome }) => outcome === 'unknown').length;

/** What Faktory itself has given up, in the words of its Redis driver. */
const givenUp = /^(context deadline exceeded|i\/o timeout|read .*: i\/o timeout)/;

/** Nothing is refused but what was spoilt on purpose, and nothing is unknown but what Faktory has given up. */
function assertOnlyLate({ scene: { callers }, facts: { offered } }: Stall, lengthMs: number): void {
  for (const { outcome, b, detail = '' } of offered) {
    if (outcome === 'refused') assert.equal(b, 0, detail);
    if (outcome === 'unknown') assert.match(detail, givenUp);
  }
  assert.ok(callers.slowestMs >= lengthMs - 100, `the slowest response came after ${callers.slowestMs} ms`);
}

/** What is still held, in reservations, when the queue is empty and the worker has had time for its last ACKs. */
async function untilFetched(faktory: RealFaktory): Promise<SeenJob[]> {
  let before: SeenJob[] = [];
  for (let tries = 0; tries < 100; tries++) {
    const stored = await storedIn(faktory);
    // Twice the same within a pause in which hundreds are run.
    if (stored.length <= workerSlots && stored.length === before.length) break;
    before = stored;
    await delay(200);
  }
  return before;
}

const skip = !faktoryPath() && 'no Faktory on this machine';
const skipLong = skip || (!isFull && 'FAULTS=1 only: some seconds');

describe('real Faktory under load', { skip }, () => {
  it('whose operator empties it loses what was there, and the checker says so', async (t) => {
    const scene = await setUpScene(t);
    const { callers, faktory } = scene;
    const load = startCrowd(t, callers, crowd);
    const operator = await connectFwp(t, { port: faktory.port });
    await callers.untilAcknowledged(jobsBefore);
    const before = callers.acknowledged;
    assert.equal(await operator.ask('FLUSH'), '+OK');
    const flushedMs = performance.now();
    await callers.untilAcknowledged(callers.acknowledged + jobsBefore);
    await load.stop();
    const facts = await factsOf(scene);
    const findings = checkConservation(facts);
    assert.deepEqual(Object.keys(violationsOf(findings)), ['lost']);
    assert.ok(findings.lost.length >= before, `${before} were acknowledged before, ${findings.lost.length} are lost`);
    assert.ok(
      findings.lost.every(({ askedMs }) => askedMs <= flushedMs),
      'a job is lost that was asked for afterwards',
    );
    showed(
      'operator-flush',
      `${describeFindings(facts, findings)}; every lost job was asked for before the FLUSH ended`,
    );
  });

  it('whose Redis stands still for 2 s answers late', { skip: skipLong }, async (t) => {
    const lengthMs = 2000;
    const seen = await stall(t, redisOf, lengthMs);
    assertOnlyLate(seen, lengthMs);
    assert.equal(unknownIn(seen.facts), 0);
    assert.deepEqual(seen.findings.explained.stalled, []);
    showed('redis-frozen-2s', seen.seen);
  });

  it(
    'whose Redis stands still for 4 s answers late, and holds two copies of some jobs',
    { skip: skipLong },
    async (t) => {
      const lengthMs = 4000;
      const seen = await stall(t, redisOf, lengthMs);
      assertOnlyLate(seen, lengthMs);
      assert.ok(seen.findings.explained.stalled.length > 0, 'no job has two copies');
      showed('redis-frozen-4s', seen.seen);
    },
  );

  it(
    'whose Redis stands still for 8 s answers with errors for jobs that it stores: unknown',
    { skip: skipLong },
    async (t) => {
      const { facts, findings, scene, seen } = await stall(t, redisOf, 8000);
      const { lines } = scene.api;
      assert.ok(findings.recovered.length > 0, `no unknown job is stored, of ${unknownIn(facts)}`);
      assert.deepEqual(
        lines.filter(({ level }) => Number(level) >= 50),
        [],
      );
      showed('redis-frozen-8s', seen);
    },
  );

  it(
    'whose Redis stands still for 7 s may lose what it is handing out, and the checker says so',
    { skip: skipLong },
    async (t) => {
      const redis = await startRedis(t);
      const scene = await setUpScene(t, {}, { RESULTS_URL: redis.url });
      const { callers, faktory } = scene;
      const ends = await watchEnds(t, redis.url);
      const load = startCrowd(t, callers, crowd);
      const worker = startService(t, scene.env, 'worker');
      await worker.line(({ msg }) => msg === 'job succeeded');
      const { fromMs, toMs } = await freeze(faktory.redisPid(), 7000);
      await callers.untilAcknowledged(callers.acknowledged + 2 * jobsBefore);
      await load.stop();
      const stored = await untilFetched(faktory);
      const run = runsOf(await ends.all(ends.runs.keys(), 10_000), ends);
      const facts: Facts = { offered: callers.offered, stored, run, stalls: [{ fromMs, toMs }] };
      const findings = checkConservation(facts);
      assert.deepEqual(violationsOf({ ...findings, lost: [], doubled: [] }), {});
      assert.ok(findings.lost.length <= workerSlots, `${findings.lost.length} jobs are lost`);
      assert.ok(findings.lost.every(({ askedMs }) => askedMs <= toMs));
      // Run, and their ACK got no reply: they are still reserved, and will run again.
      const held = new Set(stored.map(({ nonce }) => nonce));
      assert.ok(findings.doubled.every(({ nonce }) => held.has(nonce)) && findings.doubled.length <= workerSlots);
      showed('redis-frozen-fetch', describeFindings(facts, findings));
    },
  );

  it('that stands still for 5 s answers late', { skip: skipLong }, async (t) => {
    const lengthMs = 5000;
    const seen = await stall(t, faktoryOf, lengthMs);
    assertOnlyLate(seen, lengthMs);
    assert.deepEqual(seen.findings.explained.stalled, []);
    showed('faktory-frozen-5s', seen.seen);
  });

  it('that stands still for longer than the read timeout is left, and found again', { skip: skipLong }, async (t) => {
    const { facts, findings, scene, seen } = await stall(t, faktoryOf, 13_000);
    assert.ok(unknownIn(facts) > 0);
    assert.deepEqual(findings.explained.stalled, []);
    const told = scene.api.lines.map(({ msg }) => msg).filter((msg) => /^the broker is (away|there)/.test(String(msg)));
    assert.deepEqual(told, ['the broker is away: jobs are refused', 'the broker is there again']);
    assert.ok(scene.callers.slowestMs < readTimeoutMs + 250, `a response took ${scene.callers.slowestMs} ms`);
    showed('faktory-frozen-13s', seen);
  });
});
