// The Redis store on a real Redis: the contract, several processes, and a Redis that is away for a while.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { createJid, jidTimeMs } from '../../src/domain/jid.ts';
import type { JobRecord, KnownJob, ResultStore } from '../../src/domain/results.ts';
import { createRedisResults } from '../../src/results/redis.ts';
import { idsOf, resultStoreContract, succeeded } from '../contract/results.ts';
import { redisServerPath } from '../helpers/real-parts.ts';
import { startRedis } from '../helpers/redis.ts';
import { succeeds, until } from '../helpers/until.ts';

const skip = redisServerPath() === undefined;
const log = { info: () => undefined, warn: () => undefined };

/** Texts of ioredis. */
const notWaited = /isn't writeable|Connection is closed/;
const commandTimedOut = /Command timed out/;

async function open(t: TestContext, url: string, ttlSeconds = 60): Promise<ResultStore> {
  const results = createRedisResults({ url, ttlSeconds, log });
  t.after(() => results.close());
  await reachable(results);
  return results;
}

/** Nothing tells when a connection is ready. */
const reachable = (results: ResultStore): Promise<void> =>
  until('the store answers', () => succeeds(() => results.get('no-such-job')));

function client(t: TestContext, url: string): Redis {
  const redis = new Redis(url);
  t.after(() => redis.disconnect());
  return redis;
}

resultStoreContract('Redis', async (t) => open(t, (await startRedis(t)).url), skip);

describe('the Redis result store', { skip }, () => {
  it('tells a waiter in one process of a job that ended in another', async (t) => {
    const { url } = await startRedis(t);
    const [api, worker] = [await open(t, url), await open(t, url)];
    const jid = createJid();
    const held = api.wait(jid, 10_000);
    await worker.put([succeeded(jid)]);
    assert.deepEqual(await held, succeeded(jid));
  });

  it('is checked: a process that hangs is told from a network', async (t) => {
    const server = await startRedis(t);
    server.freeze();
    const results = createRedisResults({ url: server.url, ttlSeconds: 60, log });
    t.after(() => results.close());
    for (let asked = 0; asked < 2; asked++)
      await assert.rejects(results.check(), /^Error: its process hangs \(TCP connects, no reply\)$/);
    server.thaw();
    await until('a check without an error', () => succeeds(() => results.check()));
  });

  it('lets everything expire after the time to live', async (t) => {
    const { url } = await startRedis(t);
    const results = await open(t, url, 77);
    const redis = client(t, url);
    const jid = createJid();
    results.remember(idsOf(jid));
    await results.put([succeeded(jid)]);
    await results.get(jid);
    const keys = await redis.keys('*');
    assert.equal(keys.length, 2);
    for (const key of keys) {
      const ttl = await redis.ttl(key);
      assert.ok(ttl > 70 && ttl <= 77, `${key} lives ${ttl} s`);
    }
  });

  it('keeps a job until its time, or its next attempt, and the time to live are over', async (t) => {
    const { url } = await startRedis(t);
    const results = await open(t, url, 77);
    const redis = client(t, url);
    const [later, retried] = [createJid(), createJid()];
    const at = new Date(Date.now() + 300 * 86_400_000).toISOString();
    results.remember([{ jid: later, record: { job_id: later, state: 'scheduled', at } }]);
    await results.put([{ job_id: retried, state: 'pending', error: 'no', attempts: 21 }]);
    const ttl = (jid: string): Promise<number> => redis.ttl(`work-factory:result:${jid}`);
    assert.ok(Math.abs((await ttl(later)) - 300 * 86_400 - 77) < 5);
    // The longest pause that Faktory makes: 20^4 + 15 + 30 * 21 s.
    assert.ok(Math.abs((await ttl(retried)) - 160_645 - 77) < 5);
    await results.cancel({ job_id: later, state: 'cancelled' });
    assert.ok((await ttl(later)) <= 77);
  });

  it('remembers the ids of a frame with one command, and stores a group with one', async (t) => {
    const { url } = await startRedis(t);
    const results = await open(t, url);
    const redis = client(t, url);
    // Of one second, so that each frame is one set.
    const atMs = jidTimeMs(createJid()) as number;
    const frames = Array.from({ length: 20 }, () => Array.from({ length: 100 }, () => createJid(atMs)));
    await redis.config('RESETSTAT');
    const records = frames[0]?.map((jid): KnownJob => ({
      jid,
      record: { job_id: jid, state: 'pending', tracked: false },
    }));
    for (const frame of frames) results.remember(idsOf(...frame));
    results.remember(records ?? []);
    await results.put(
      frames
        .flat()
        .slice(0, 1000)
        .map((jid) => succeeded(jid)),
    );
    const stats = await redis.info('commandstats');
    const calls = (name: string): number => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    assert.equal(calls('sadd'), 20);
    assert.ok(calls('expire') <= 20);
    assert.equal(calls('eval'), 2);
    assert.equal(calls('publish'), 1);
  });

  it('costs its callers nothing while Redis is dead, and catches up when it is back', async (t) => {
    const redis = await startRedis(t);
    const [results, other] = [await open(t, redis.url), await open(t, redis.url)];
    const [waited, remembered, later] = [createJid(), createJid(), createJid()];
    const held = results.wait(waited, 20_000);
    // Its first look has been answered, as commands are in order.
    await results.get(waited);
    await redis.kill();
    const record: JobRecord = { job_id: later, state: 'scheduled', at: '2999-01-01T00:00:00.000Z' };
    results.remember([...idsOf(remembered), { jid: later, record }]);
    await assert.rejects(results.put([succeeded(waited)]), notWaited);
    await assert.rejects(results.get(createJid()), notWaited);
    assert.equal((await results.get(remembered))?.state, 'pending');
    assert.deepEqual(await results.get(later), record);

    await redis.restart();
    await reachable(results);
    await reachable(other);
    await other.put([succeeded(waited)]);
    assert.deepEqual(await held, succeeded(waited));
    const reader = client(t, redis.url);
    await until('three keys', async () => (await reader.dbsize()) >= 3);
    assert.equal((await other.get(remembered))?.state, 'pending');
    assert.deepEqual(await other.get(later), record);
  });

  it('gives a command that Redis does not answer a limited time', async (t) => {
    const redis = await startRedis(t);
    const results = await open(t, redis.url);
    const jid = createJid();
    t.after(() => redis.thaw());
    redis.freeze();
    results.remember(idsOf(jid));
    const read = results.get(jid);
    await assert.rejects(results.put([succeeded(jid)]), commandTimedOut);
    assert.equal((await read)?.state, 'pending');
    redis.thaw();
    await reachable(results);
    await results.put([succeeded(jid)]);
    assert.deepEqual(await results.get(jid), succeeded(jid));
  });

  it('is not stopped by a Redis that was never there', async (t) => {
    const redis = await startRedis(t);
    await redis.kill();
    const results = createRedisResults({ url: redis.url, ttlSeconds: 60, log });
    t.after(() => results.close());
    await assert.rejects(results.get('no-such-job'));
    await redis.restart();
    await reachable(results);
  });
});
