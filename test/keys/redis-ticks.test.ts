// The last ticks of schedules in a real Redis: the contract, no time to live, and a Redis that is away.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Redis } from 'ioredis';
import type { TickStore } from '../../src/domain/cron.ts';
import { createRedisTicks } from '../../src/keys/redis-ticks.ts';
import { tickStoreContract } from '../contract/ticks.ts';
import { redisServerPath } from '../helpers/real-parts.ts';
import { startRedis, type StartedRedis } from '../helpers/redis.ts';
import { succeeds, until } from '../helpers/until.ts';

const skip = redisServerPath() === undefined;
const tick = { atMs: 1000, jobId: 'job', outcome: 'enqueued', pattern: '0 3 * * *', timeZone: 'UTC' } as const;

/** Nothing tells when a connection is ready. */
const reachable = (ticks: TickStore): Promise<void> =>
  until('the store answers', () => succeeds(() => ticks.last(['nothing'])));

async function open(t: TestContext, server: StartedRedis): Promise<TickStore> {
  const ticks = createRedisTicks(server.url, { info: () => undefined, warn: () => undefined });
  t.after(() => ticks.close());
  await reachable(ticks);
  return ticks;
}

tickStoreContract('Redis', async (t) => open(t, await startRedis(t)), skip);

describe('last ticks in Redis', { skip }, () => {
  it('have no time to live', async (t) => {
    const server = await startRedis(t);
    const ticks = await open(t, server);
    await ticks.keep('nightly', tick);
    const admin = new Redis(server.url);
    t.after(() => admin.disconnect());
    assert.equal(await admin.pttl('work-factory:tick:nightly'), -1);
  });

  it('are sent again when Redis was away', async (t) => {
    const server = await startRedis(t);
    const ticks = await open(t, server);
    await server.kill();
    await assert.rejects(ticks.last(['nightly']));
    await ticks.keep('nightly', tick);
    await server.restart();
    await reachable(ticks);
    await until('the tick is sent again', async () => (await ticks.last(['nightly']))[0] !== undefined);
    assert.deepEqual(await ticks.last(['nightly']), [tick]);
  });
});
