// The Redis store on a real Redis: the contract, several processes, and a Redis that is away for a while.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { createJid, jidTimeMs } from '../../src/domain/jid.ts';
import type { ResultStore } from '../../src/domain/results.ts';
import { createRedisResults } from '../../src/results/redis.ts';
import { resultStoreContract, succeeded } from '../contract/results.ts';
import { redisServerPath } from '../helpers/real-parts.ts';
import { startRedis } from '../helpers/redis.ts';

const skip = redisServerPath() === undefined;
const log = { info: () => undefined, warn: () => undefined };

async function open(t: TestContext, url: string, ttlSeconds = 60): Promise<ResultStore> {
  const results = createRedisResults({ url, ttlSeconds, log });
  t.after(() => results.close());
  await answering(results);
  return results;
}

/** Resolves as soon as the store answers: nothing tells when a connection is ready. */
async function answering(results: ResultStore): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return void (await results.get('no-such-job'));
    } catch (error) {
      if (tries === 500) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

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

  it('lets everything expire after the time to live', async (t) => {
    const { url } = await startRedis(t);
    const results = await open(t, url, 77);
    const redis = client(t, url);
    const jid = createJid();
    results.remember([jid]);
    await results.put([succeeded(jid)]);
    await results.get(jid);
    const keys = await redis.keys('*');
    assert.equal(keys.length, 2);
    for (const key of keys) {
      const ttl = await redis.ttl(key);
      assert.ok(ttl > 70 && ttl <= 77, `${key} lives ${ttl} s`);
    }
  });

  it('remembers the ids of a frame with one command, and stores a group with one', async (t) => {
    const { url } = await startRedis(t);
    const results = await open(t, url);
    const redis = client(t, url);
    // Of one second, so that each frame is one set.
    const atMs = jidTimeMs(createJid()) as number;
    const frames = Array.from({ length: 20 }, () => Array.from({ length: 100 }, () => createJid(atMs)));
    await redis.config('RESETSTAT');
    for (const frame of frames) results.remember(frame);
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
    assert.equal(calls('eval'), 1);
    assert.equal(calls('publish'), 1);
  });

  it('costs its callers nothing while Redis is dead, and catches up when it is back', async (t) => {
    const redis = await startRedis(t);
    const [results, other] = [await open(t, redis.url), await open(t, redis.url)];
    const [waited, remembered] = [createJid(), createJid()];
    const held = results.wait(waited, 20_000);
    // Its first look has been answered, as commands are in order.
    await results.get(waited);
    await redis.kill();
    const startedMs = performance.now();
    results.remember([remembered]);
    assert.ok(performance.now() - startedMs < 20);
    await assert.rejects(results.put([succeeded(waited)]));
    await assert.rejects(results.get(createJid()));
    assert.equal((await results.get(remembered))?.state, 'pending');
    assert.ok(performance.now() - startedMs < 1000, 'a dead Redis was waited for');

    await redis.restart();
    await answering(results);
    await answering(other);
    await other.put([succeeded(waited)]);
    assert.deepEqual(await held, succeeded(waited));
    const reader = client(t, redis.url);
    while ((await reader.dbsize()) < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal((await other.get(remembered))?.state, 'pending');
  });

  it('gives a command that Redis does not answer a limited time', async (t) => {
    const redis = await startRedis(t);
    const results = await open(t, redis.url);
    const jid = createJid();
    t.after(() => redis.thaw());
    redis.freeze();
    const startedMs = performance.now();
    results.remember([jid]);
    const read = results.get(jid);
    await assert.rejects(results.put([succeeded(jid)]));
    assert.equal((await read)?.state, 'pending');
    assert.ok(performance.now() - startedMs < 3000);
    redis.thaw();
    await answering(results);
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
    await answering(results);
  });
});
