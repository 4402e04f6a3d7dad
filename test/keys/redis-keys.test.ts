// Keys in a real Redis: the contract, several processes, and a Redis that is away, stands still, is full or evicts.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { createJid } from '../../src/domain/jid.ts';
import { lockOf, unlock, type Claim, type KeyStore, type KeyStoreError, type Verdict } from '../../src/domain/keys.ts';
import { createRedisKeys } from '../../src/keys/redis-keys.ts';
import { keyStoreContract } from '../contract/keys.ts';
import { claimOf, lookFor } from '../helpers/claims.ts';
import { redisServerPath } from '../helpers/real-parts.ts';
import { startRedis, type StartedRedis } from '../helpers/redis.ts';
import { until } from '../helpers/until.ts';

const skip = redisServerPath() === undefined;
const claimOne = async (keys: KeyStore, claim: Claim): Promise<Verdict> => (await keys.claim([claim]))[0] as Verdict;

interface Scene {
  server: StartedRedis;
  admin: Redis;
  lines: string[];
  open: (options?: { underWayMsMax?: number }) => Promise<KeyStore>;
}

async function setUp(t: TestContext): Promise<Scene> {
  const server = await startRedis(t);
  const admin = new Redis(server.url);
  admin.on('error', () => undefined);
  t.after(() => admin.disconnect());
  const lines: string[] = [];
  const write = (fields: unknown, message?: string): void => void lines.push(message ?? String(fields));
  return {
    server,
    admin,
    lines,
    async open(options = {}) {
      const log = { info: write, warn: write };
      const keys = createRedisKeys({ url: server.url, ttlSeconds: 86_400, underWayMsMax: 25_000, log, ...options });
      t.after(() => keys.close());
      await reachable(keys);
      return keys;
    },
  };
}

const reasonOf = (asked: unknown): Promise<string> =>
  Promise.resolve(asked).then(
    () => 'none',
    (error: unknown) => (error as KeyStoreError).reason,
  );

/** Nothing tells when a connection is ready. */
const reachable = (keys: KeyStore): Promise<void> =>
  until('the store answers', async () => (await reasonOf(keys.claim([lookFor('nothing')]))) !== 'away');

const untilState = (keys: KeyStore, name: string, state: Verdict['state']): Promise<void> =>
  until(`the key is ${state}`, async () => (await claimOne(keys, claimOf(name))).state === state);

keyStoreContract('Redis', async (t) => (await setUp(t)).open(), skip);

describe('keys in Redis', { skip }, () => {
  it('are shared by processes: one of them has the key, the others are told', async (t) => {
    const { open } = await setUp(t);
    const processes = await Promise.all([open(), open(), open()]);
    const verdicts = await Promise.all(
      Array.from({ length: 99 }, (_, index) => claimOne(processes[index % 3] as KeyStore, claimOf('k'))),
    );
    assert.equal(verdicts.filter(({ state }) => state === 'claimed').length, 1);
    assert.equal(verdicts.filter(({ state }) => state === 'in_progress').length, 98);
  });

  it('are unknown when nobody has settled them in time, with the response that is right if they are stored', async (t) => {
    const { open } = await setUp(t);
    const [dead, alive] = [await open(), await open({ underWayMsMax: 0 })];
    const claim = claimOf('k');
    await claimOne(dead, claim);
    const expected = { state: 'unknown', jids: claim.jids, response: claim.response };
    assert.deepEqual(await claimOne(alive, claimOf('k')), expected);
    assert.deepEqual(await claimOne(alive, lookFor('k')), expected);
  });

  it('are unknown at once when they were settled as unknown', async (t) => {
    const { open } = await setUp(t);
    const keys = await open();
    const [claim, other] = [claimOf('k'), claimOf('other')];
    await claimOne(keys, claim);
    const response = { status: 206, body: '{}' };
    await keys.settle([{ claim, outcome: 'unknown', response, jids: other.jids }]);
    assert.deepEqual(await claimOne(keys, claimOf('k')), { state: 'unknown', jids: other.jids, response });
    await keys.settle([{ claim, outcome: 'done' }]);
    assert.deepEqual(await claimOne(keys, claimOf('k')), { state: 'done', response: claim.response });
  });

  it('live for their time', async (t) => {
    const { open, admin } = await setUp(t);
    const keys = await open();
    const claim = claimOf('k');
    await claimOne(keys, claim);
    const [name] = (await admin.keys('*')) as [string];
    for (const settle of [() => undefined, () => keys.settle([{ claim, outcome: 'done' }])]) {
      await settle();
      const ttl = await admin.pttl(name);
      assert.ok(ttl > 86_390_000 && ttl <= 86_400_000, `${ttl}`);
    }
  });

  it('are not settled by a late owner after another one has them', async (t) => {
    const { open, admin } = await setUp(t);
    const keys = await open();
    const [late, present] = [claimOf('k'), claimOf('k')];
    await claimOne(keys, late);
    await admin.flushall();
    await claimOne(keys, present);
    for (const outcome of ['done', 'unknown', 'refused'] as const) {
      await keys.settle([{ claim: late, outcome }]);
      assert.deepEqual(await claimOne(keys, claimOf('k')), { state: 'in_progress', jids: present.jids });
    }
  });

  it('are refused while Redis is away, and taken again when it is back', async (t) => {
    const { open, server } = await setUp(t);
    const keys = await open();
    await server.kill();
    assert.equal(await reasonOf(claimOne(keys, claimOf('k'))), 'away');
    assert.equal(await reasonOf(claimOne(keys, claimOf('k'))), 'away');
    await server.restart();
    await reachable(keys);
    assert.deepEqual(await claimOne(keys, claimOf('k')), { state: 'claimed' });
  });

  it('are free after a claim that Redis took after its caller had been refused', async (t) => {
    const { open, server } = await setUp(t);
    const [keys, others] = [await open(), await open()];
    server.freeze();
    // A Redis that stands still holds nobody up.
    assert.equal(await reasonOf(claimOne(keys, claimOf('k'))), 'away');
    server.thaw();
    await reachable(keys);
    await untilState(others, 'k', 'claimed');
  });

  it('stay free when the claim arrives after its withdrawal', async (t) => {
    const { open, server, admin } = await setUp(t);
    const keys = await open();
    server.freeze();
    const claim = claimOf('k');
    assert.equal(await reasonOf(claimOne(keys, claim)), 'away');
    server.thaw();
    const values = async (): Promise<(string | null)[]> =>
      Promise.all((await admin.keys('*')).map((name) => admin.get(name)));
    await until('a withdrawal', async () => (await values()).some((value) => value?.startsWith('w')));
    // As by a connection that was held up for longer.
    assert.equal(await reasonOf(claimOne(keys, claim)), 'away');
    assert.deepEqual(await claimOne(keys, claimOf('k')), { state: 'claimed' });
  });

  it('are settled when Redis is back, and nobody waits for that', async (t) => {
    const { open, server, lines } = await setUp(t);
    const [keys, others] = [await open(), await open()];
    const claim = claimOf('k');
    await claimOne(keys, claim);
    server.freeze();
    await keys.settle([{ claim, outcome: 'done' }]);
    server.thaw();
    await untilState(others, 'k', 'done');
    assert.equal(lines.filter((line) => line.includes('sent again')).length, 1);
  });

  it('are refused when Redis is full, unless they are there already', async (t) => {
    const { open, admin } = await setUp(t);
    const keys = await open();
    const [done, open1, open2] = [claimOf('done'), claimOf('open1'), claimOf('open2')];
    await keys.claim([done, open1, open2]);
    await keys.settle([{ claim: done, outcome: 'done' }]);
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    await admin.config('SET', 'maxmemory', '1mb');
    assert.equal(await reasonOf(claimOne(keys, claimOf('k'))), 'full');
    assert.deepEqual(await claimOne(keys, claimOf('done')), { state: 'done', response: done.response });
    await keys.settle([
      { claim: open1, outcome: 'done' },
      { claim: open2, outcome: 'refused' },
    ]);
    await admin.config('SET', 'maxmemory', '0');
    await untilState(keys, 'open1', 'done');
    assert.deepEqual(await claimOne(keys, claimOf('k')), { state: 'claimed' });
    assert.deepEqual(await claimOne(keys, claimOf('open2')), { state: 'claimed' });
  });

  it('are not kept in a Redis that evicts, which is said at start and by every refusal', async (t) => {
    const { open, admin, lines } = await setUp(t);
    await admin.config('SET', 'maxmemory', '100mb');
    await admin.config('SET', 'maxmemory-policy', 'volatile-ttl');
    const keys = await open();
    assert.equal(keys.durability, 'none');
    assert.equal(await reasonOf(claimOne(keys, claimOf('k'))), 'unkept');
    assert.ok(lines.some((line) => /maxmemory-policy to noeviction \(it is volatile-ttl\)/.test(line)));
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    assert.deepEqual(await claimOne(await open(), claimOf('k')), { state: 'claimed' });
  });

  it('are refused as soon as a check finds that Redis evicts, and taken when a check finds that it does not', async (t) => {
    const { open, admin } = await setUp(t);
    const keys = await open();
    await keys.check();
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    assert.equal(await reasonOf(keys.check()), 'unkept');
    assert.equal(await reasonOf(claimOne(keys, claimOf('k'))), 'unkept');
    assert.equal(keys.durability, 'none');
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    await keys.check();
    assert.deepEqual(await claimOne(keys, claimOf('k')), { state: 'claimed' });
    assert.equal(keys.durability, 'snapshot');
  });

  it('have one warning, however often a Redis is asked that does not say whether it evicts', async (t) => {
    const { open, admin, lines } = await setUp(t);
    await admin.call('ACL', 'SETUSER', 'default', '-info');
    const keys = await open();
    for (let asked = 0; asked < 3; asked++) await keys.check();
    assert.equal(lines.filter((line) => line.includes('does not say whether it evicts')).length, 1);
  });

  it('are as durable as Redis says', async (t) => {
    const { open, admin } = await setUp(t);
    assert.equal((await open()).durability, 'snapshot');
    await admin.config('SET', 'appendonly', 'yes');
    assert.equal((await open()).durability, 'second');
    await admin.config('SET', 'appendfsync', 'always');
    assert.equal((await open()).durability, 'fsync');
    await admin.call('ACL', 'SETUSER', 'default', '-config', '-info');
    assert.equal((await open()).durability, 'unknown');
  });

  it('hold locks of unique jobs for their own time, until they are freed by their own job', async (t) => {
    const { open, admin } = await setUp(t);
    const keys = await open();
    const [id, jid, other] = ['\x07'.repeat(32), createJid(), createJid()];
    const lockName = Buffer.from(id, 'latin1').toString('base64url');
    const lock = lockOf(id, jid, 5000);
    assert.deepEqual(await claimOne(keys, lock), { state: 'claimed' });
    await keys.settle([{ claim: lock, outcome: 'done' }]);
    assert.deepEqual(await claimOne(keys, lockOf(id, other, 90_000)), { state: 'done', response: lock.response });
    const [name] = (await admin.keys('*')) as [string];
    assert.ok((await admin.pttl(name)) <= 5000);
    await unlock(keys, lockName, other);
    assert.equal((await claimOne(keys, lockOf(id, other, 1))).state, 'done', 'the lock of another job stays');
    await unlock(keys, lockName, jid);
    assert.deepEqual(await claimOne(keys, lockOf(id, other, 90_000)), { state: 'claimed' });
    await unlock(keys, 'no name of a lock', jid);
  });
});
