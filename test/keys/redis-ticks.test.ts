// The last ticks of schedules in a real Redis: the contract, no time to live, and a Redis that is away.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Redis } from 'ioredis';
import type { TickStore } from '../../src/domain/cron.ts';
import { createRedisTicks } from '../../src/keys/redis-ticks.ts';
import { tickStoreContract } from '../contract/ticks.ts';
import { redisServerPath } from '../helpers/real-parts.ts';
import { startRedis, type StartedRedis } from '../helpers/redis.ts';

const skip = redisServerPath() === undefined;
const tick = { atMs: 1000, jobId: 'job', outcome: 'enqueued', pattern: '0 3 * * *', timeZone: 'UTC' } as const;

/** Resolves as soon as the store answers: nothing tells when a connection is ready. */
async function answering(ticks: TickStore): Promise<void> {
  for (let tries = 0; ; tries++) {
    const isThere = await ticks.last(['nothing']).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    assert.ok(tries < 1000, 'Redis did not answer');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function open(t: TestContext, server: StartedRedis): Promise<TickStore> {
  const ticks = createRedisTicks(server.url, { info: () => undefined, warn: () => undefined });
  t.after(() => ticks.close());
  await answering(ticks);
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
    await answering(ticks);
    for (let tries = 0; (await ticks.last(['nightly']))[0] === undefined; tries++) {
      assert.ok(tries < 1000, 'it was not told again');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.deepEqual(await ticks.last(['nightly']), [tick]);
  });
});
