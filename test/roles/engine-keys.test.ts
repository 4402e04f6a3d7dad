// Keys where the broker is in this process: the record and its jobs are one group.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createGroupCommit } from '../../src/enqueue/group-commit.ts';
import { systemClock, type Clock } from '../../src/domain/clock.ts';
import type { Job } from '../../src/domain/job.ts';
import type { Claim, KeyStore, Verdict } from '../../src/domain/keys.ts';
import type { Store } from '../../src/broker/storage/store.ts';
import type { Outcome } from '../../src/domain/producer.ts';
import { createEngineKeys } from '../../src/roles/engine-keys.ts';
import { createEngineSender } from '../../src/roles/engine-sender.ts';
import { createFakeClock } from '../broker/fake-clock.ts';
import { createFaultyStore } from '../broker/faulty-store.ts';
import { keyStoreContract } from '../contract/keys.ts';
import { brokerFolder, startBroker, type StartedBroker } from '../helpers/broker.ts';
import { claimOf } from '../helpers/claims.ts';
import { createArithmeticJob } from '../helpers/jobs.ts';
import { createFakeClock as createMonotonicClock } from '../helpers/fake-clock.ts';
import { inAMinute, unlimited } from '../helpers/producer.ts';
import { until } from '../helpers/until.ts';

const underWayMsMax = 25_000;

const openKeys = ({ engine, durability }: StartedBroker, clock: Clock = systemClock): KeyStore =>
  createEngineKeys({ engine, durability, clock, underWayMsMax });

async function open(t: TestContext, options: Parameters<typeof startBroker>[1] = {}) {
  const broker = await startBroker(t, options);
  const sender = createEngineSender({ ...broker, clock: systemClock, onChange: () => producer.onSenderChange() });
  const producer = createGroupCommit({
    sender,
    admission: unlimited(),
    clock: systemClock,
    frameJobsMax: 100,
    frameBytesMax: 14_000,
    acquireTimeoutMs: 5000,
    lingerMs: 0,
  });
  return { broker, sender, producer, keys: openKeys(broker) };
}

const queued = (broker: StartedBroker): number => broker.engine.state().queued();
const claimOne = async (keys: KeyStore, claim: Claim): Promise<Verdict> => (await keys.claim([claim]))[0] as Verdict;

/** A claim for these jobs, and the jobs with its record. */
async function claimFor(keys: KeyStore, key: string, jobs: readonly Job[]): Promise<Claim> {
  const claim = { ...claimOf(key), jids: jobs.map(({ jid }) => jid) };
  assert.deepEqual(await claimOne(keys, claim), { state: 'claimed' });
  keys.attach(claim, jobs, (outcomes) => responseOf(claim, outcomes));
  return claim;
}

function responseOf({ response }: Claim, outcomes: readonly Outcome[]) {
  const stored = outcomes.filter(({ kind }) => kind === 'enqueued').length;
  if (stored === 0) return undefined;
  return stored === outcomes.length ? response : { status: 206, body: `{"count":${stored}}` };
}

const counting =
  (reads: { keys: number }) =>
  (store: Store): Store => ({
    ...store,
    get(keys) {
      reads.keys += keys.length;
      return store.get(keys);
    },
  });

const jobsOf = (count: number): Job[] =>
  Array.from({ length: count }, (_, a) => createArithmeticJob('add', { a, b: 1 }));

keyStoreContract('embedded, in memory', async (t) => (await open(t)).keys);
keyStoreContract('embedded, on disk', async (t) => (await open(t, { dataDir: brokerFolder() })).keys);

describe('embedded keys', () => {
  it('are on disk when their jobs are, and outlive the broker', async (t) => {
    const dataDir = brokerFolder();
    const { broker, producer, keys } = await open(t, { dataDir });
    const [job] = jobsOf(1) as [Job];
    const claim = await claimFor(keys, 'k', [job]);
    assert.deepEqual(await producer.push(job, inAMinute()), { kind: 'enqueued' });
    await broker.close();
    const again = await startBroker(t, { dataDir });
    assert.equal(queued(again), 1);
    assert.deepEqual(await claimOne(openKeys(again), claimOf('k')), { state: 'done', response: claim.response });
  });

  it('are found while those of an earlier process are still read, and after it', async (t) => {
    const dataDir = brokerFolder();
    const first = await open(t, { dataDir });
    const names = Array.from({ length: 2500 }, (_, index) => `k${index}`);
    const claims = names.map((name) => claimOf(name));
    await first.keys.claim(claims);
    await first.keys.settle(claims.map((claim) => ({ claim, outcome: 'done' })));
    await first.broker.close();
    const clock = createFakeClock(Date.now());
    const reads = { keys: 0 };
    const broker = await startBroker(t, { dataDir, clock, wrapStore: counting(reads) });
    const keys = openKeys(broker);
    const isDone = async (): Promise<boolean> =>
      (await keys.claim(names.map((name) => claimOf(name)))).every(({ state }) => state === 'done');
    assert.ok(await isDone());
    const mayHave = (): boolean => broker.engine.state().keys.mayHave(claimOf('another').id);
    assert.ok(mayHave(), 'nothing is known to be new yet');
    await until('every generation is read', () => {
      clock.advance(10);
      return !mayHave();
    });
    assert.ok(await isDone());
    reads.keys = 0;
    await keys.claim([claimOf('another')]);
    assert.equal(reads.keys, 0, 'a new key needs no look');
  });

  it('are found in each of many generations, and more than a generation holds begins another', async (t) => {
    const dataDir = brokerFolder();
    const { broker, keys } = await open(t, { dataDir, limits: { keyGenerationMax: 10 } });
    const names = Array.from({ length: 35 }, (_, index) => `k${index}`);
    for (const name of names) {
      const claim = claimOf(name);
      assert.equal((await claimOne(keys, claim)).state, 'claimed');
      await keys.settle([{ claim, outcome: 'done' }]);
    }
    const generations = broker.engine.state().keys.record() ?? [];
    assert.deepEqual(
      generations.map(({ count }) => count),
      [10, 10, 10, 5],
    );
    const asked = [...names, 'other'].map((name) => claimOf(name));
    const statesOf = (verdicts: readonly Verdict[]): string[] => verdicts.map(({ state }) => state);
    const expected = [...names.map(() => 'done'), 'claimed'];
    assert.deepEqual(statesOf(await keys.claim(asked)), expected);
    await broker.close();
    const again = openKeys(await startBroker(t, { dataDir }));
    assert.deepEqual(statesOf(await again.claim(asked)), expected);
  });

  it('are answered alike to all who ask while the record is read', async (t) => {
    const { keys } = await open(t);
    const claim = claimOf('k');
    await claimOne(keys, claim);
    await keys.settle([{ claim, outcome: 'done' }]);
    const verdicts = await Promise.all(
      ['body', 'body', 'other', 'body'].map((body) => claimOne(keys, claimOf('k', body))),
    );
    const done = { state: 'done', response: claim.response };
    assert.deepEqual(verdicts, [done, done, { state: 'reused' }, done]);
  });

  it('are not claimed by a request that could not be told what is on disk', async (t) => {
    let isBroken = false;
    const get = (store: Store, keys: readonly Buffer[]) =>
      isBroken ? Promise.reject(new Error('the disk does not read')) : store.get(keys);
    const { keys } = await open(t, { wrapStore: (store) => ({ ...store, get: (asked) => get(store, asked) }) });
    const claim = claimOf('k');
    await claimOne(keys, claim);
    await keys.settle([{ claim, outcome: 'done' }]);
    isBroken = true;
    await assert.rejects(claimOne(keys, claimOf('k')), { reason: 'away' });
    await assert.rejects(async () => keys.claim([claimOf('new'), claimOf('k')]), { reason: 'away' });
    isBroken = false;
    assert.equal((await claimOne(keys, claimOf('k'))).state, 'done');
    assert.equal((await claimOne(keys, claimOf('new'))).state, 'claimed');
  });

  it('are stored with a whole batch, or not at all: no write holds a part of it', async (t) => {
    const faulty = createFaultyStore();
    const { broker, producer, keys } = await open(t, { wrapStore: faulty.wrap });
    const jobs = jobsOf(950);
    const claim = await claimFor(keys, 'k', jobs);
    const before = faulty.writes;
    const outcomes = await producer.pushBulk(jobs, inAMinute());
    assert.ok(outcomes.every(({ kind }) => kind === 'enqueued'));
    assert.equal(faulty.writes - before, 1);
    assert.equal(queued(broker), 950);
    assert.deepEqual(await claimOne(keys, claimOf('k')), { state: 'done', response: claim.response });
  });

  it('keep what the broker did not take of a batch', async (t) => {
    const { producer, keys } = await open(t, { limits: { queuesMax: 1 } });
    const jobs = jobsOf(2);
    const encoded = (jobs[1] as Job).encoded.replace('"retry"', '"queue":"other","retry"');
    const other = { ...(jobs[1] as Job), encoded, encodedBytes: encoded.length, isPlain: false };
    await claimFor(keys, 'k', [jobs[0] as Job, other]);
    const outcomes = await producer.pushBulk([jobs[0] as Job, other], inAMinute());
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['enqueued', 'refused'],
    );
    assert.deepEqual(await claimOne(keys, claimOf('k')), {
      state: 'done',
      response: { status: 206, body: '{"count":1}' },
    });
  });

  it('are free again when the broker took nothing', async (t) => {
    const { producer, keys } = await open(t, { limits: { jobsMax: 0 } });
    const [job] = jobsOf(1) as [Job];
    const claim = await claimFor(keys, 'k', [job]);
    assert.equal((await producer.push(job, inAMinute())).kind, 'refused');
    await keys.settle([{ claim, outcome: 'refused' }]);
    assert.deepEqual(await claimOne(keys, claimOf('k')), { state: 'claimed' });
  });

  for (const keepsFailed of [false, true]) {
    it(`are there after a failed write that ${keepsFailed ? 'reached' : 'did not reach'} the disk, as their jobs are`, async (t) => {
      const faulty = createFaultyStore();
      const clock = createFakeClock();
      const { broker, producer, keys } = await open(t, { wrapStore: faulty.wrap, clock, dataDir: brokerFolder() });
      const [job] = jobsOf(1) as [Job];
      const claim = await claimFor(keys, 'k', [job]);
      faulty.fault = 'ENOSPC';
      faulty.keepsFailed = keepsFailed;
      assert.equal((await producer.push(job, inAMinute())).kind, 'unknown');
      await keys.settle([{ claim, outcome: 'unknown' }]);
      assert.deepEqual(await claimOne(keys, claimOf('k')), {
        state: 'unknown',
        jids: claim.jids,
        response: claim.response,
      });
      await assert.rejects(claimOne(keys, claimOf('l')), { name: 'Error', reason: 'away' });
      faulty.fault = undefined;
      await until('the store is open again', () => {
        clock.advance(300);
        return broker.engine.refusal() === undefined;
      });
      assert.equal(queued(broker), keepsFailed ? 1 : 0);
      const expected = keepsFailed ? { state: 'done', response: claim.response } : { state: 'claimed' };
      assert.deepEqual(await claimOne(keys, claimOf('k')), expected);
    });
  }

  it('are under way while the disk hangs, then unknown, and done when it goes on', async (t) => {
    let release = (): void => undefined;
    const clock = createMonotonicClock();
    const { broker, producer } = await open(t, {
      wrapStore: (store) => ({
        ...store,
        async write(operations) {
          await new Promise<void>((resolve) => (release = resolve));
          await store.write(operations);
        },
      }),
    });
    const keys = openKeys(broker, { ...clock, soon: systemClock.soon });
    const [job] = jobsOf(1) as [Job];
    const claim = await claimFor(keys, 'k', [job]);
    const pushed = producer.push(job, inAMinute());
    await new Promise((resolve) => setImmediate(resolve));
    await keys.settle([{ claim, outcome: 'unknown' }]);
    assert.equal((await claimOne(keys, claimOf('k'))).state, 'in_progress');
    clock.advance(underWayMsMax);
    assert.equal((await claimOne(keys, claimOf('k'))).state, 'unknown');
    release();
    await pushed;
    assert.deepEqual(await claimOne(keys, claimOf('k')), { state: 'done', response: claim.response });
  });

  it('are kept for their time, and then forgotten on disk too', async (t) => {
    const clock = createFakeClock();
    const keysKeptMs = 86_400_000;
    const { broker, keys } = await open(t, { clock, keysKeptMs });
    const finish = async (key: string): Promise<void> => {
      const claim = claimOf(key);
      assert.equal((await claimOne(keys, claim)).state, 'claimed');
      await keys.settle([{ claim, outcome: 'done' }]);
    };
    await finish('k');
    clock.advance(keysKeptMs - 1);
    assert.equal((await claimOne(keys, claimOf('k'))).state, 'done');
    clock.advance(1);
    const counted = (): number => broker.engine.state().keys.count();
    await finish('k');
    assert.equal(counted(), 2);
    clock.advance(keysKeptMs / 2);
    await finish('l');
    assert.equal(counted(), 2, 'the first one is forgotten');
    assert.equal((await claimOne(keys, claimOf('k'))).state, 'done');
  });

  it('are refused when there are too many, those that are there excepted', async (t) => {
    const { keys } = await open(t, { limits: { keysMax: 1 } });
    const claim = claimOf('k');
    await claimOne(keys, claim);
    await keys.settle([{ claim, outcome: 'done' }]);
    await assert.rejects(claimOne(keys, claimOf('l')), { reason: 'full' });
    await assert.rejects(claimOne(keys, claimOf('l')), { reason: 'full' }, 'and nothing was claimed');
    assert.equal((await claimOne(keys, claimOf('k'))).state, 'done');
  });
});
