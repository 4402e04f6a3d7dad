// A real Redis that answers reads and refuses something else: a read-only replica, one that is full, users without rights.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { systemClock } from '../../src/domain/clock.ts';
import { createJid } from '../../src/domain/jid.ts';
import type { ResultStore } from '../../src/domain/results.ts';
import { createRedisResults } from '../../src/results/redis.ts';
import { createRecorder } from '../../src/worker/recorder.ts';
import { idsOf, succeeded } from '../contract/results.ts';
import { redisServerPath } from '../helpers/real-parts.ts';
import { startRedis, type StartedRedis } from '../helpers/redis.ts';
import { until } from '../helpers/until.ts';

interface Scene {
  server: StartedRedis;
  /** With every right. */
  admin: Redis;
  /** What the stores have logged. */
  lines: string[];
  open(user?: string): ResultStore;
}

async function setUp(t: TestContext): Promise<Scene> {
  const server = await startRedis(t);
  const admin = new Redis(server.url);
  t.after(() => admin.disconnect());
  const lines: string[] = [];
  const write = (fields: unknown, message?: string): void => void lines.push(message ?? String(fields));
  const open = (user?: string): ResultStore => {
    const url = user === undefined ? server.url : server.url.replace('//', `//${user}:secret@`);
    const results = createRedisResults({ url, ttlSeconds: 60, log: { info: write, warn: write } });
    t.after(() => results.close());
    return results;
  };
  return { server, admin, lines, open };
}

const allow = (admin: Redis, user: string, ...rights: string[]): Promise<unknown> =>
  admin.call('ACL', ['SETUSER', user, 'reset', 'on', '>secret', '~work-factory:*', '+@all', ...rights]);

const refusals: Readonly<Record<string, { expected: RegExp; apply: (admin: Redis) => Promise<unknown> }>> = {
  'a read-only replica': { expected: /READONLY/, apply: (admin) => admin.call('REPLICAOF', '127.0.0.1', '1') },
  'full, with noeviction': {
    expected: /OOM/,
    apply: async (admin) => {
      await admin.config('SET', 'maxmemory-policy', 'noeviction');
      await admin.config('SET', 'maxmemory', '1mb');
    },
  },
  'without the right to EVAL': {
    expected: /NOPERM/,
    apply: (admin) => admin.call('ACL', 'SETUSER', 'default', '-eval'),
  },
  'without the right to write': {
    expected: /NOPERM|can't run this command/i,
    apply: (admin) => admin.call('ACL', 'SETUSER', 'default', '-set'),
  },
};

/** What Redis says to it, once the connection is there; empty: it took it. */
async function responseOf(command: () => Promise<void>): Promise<string> {
  let reply = '';
  await until('a connection', async () => {
    reply = await command().then(
      () => '',
      (error: unknown) => (error as Error).message,
    );
    return !/writeable|closed/.test(reply);
  });
  return reply;
}

describe('a Redis that takes reads and no writes', { skip: redisServerPath() === undefined }, () => {
  for (const [name, { expected, apply }] of Object.entries(refusals)) {
    it(`fails the check as it fails a put: ${name}`, async (t) => {
      const { admin, open } = await setUp(t);
      const results = open();
      await results.check();
      const jid = createJid();
      await results.put([succeeded(jid)]);
      await apply(admin);
      await assert.rejects(results.check(), expected);
      assert.match(await responseOf(() => results.check()), expected);
      assert.match(await responseOf(() => results.put([succeeded(createJid())])), expected);
      assert.deepEqual(await results.get(jid), succeeded(jid));
    });
  }

  it('keeps ids that Redis did not take, as pending, and logs that once', async (t) => {
    const { admin, lines, open } = await setUp(t);
    const results = open();
    await results.check();
    await admin.call('ACL', 'SETUSER', 'default', '-sadd');
    const jids = Array.from({ length: 5 }, () => createJid());
    for (const jid of jids) results.remember(idsOf(jid));
    for (const jid of jids) assert.equal((await results.get(jid))?.state, 'pending');
    assert.deepEqual(lines, ['Redis took no ids: they stay in this process']);
    await admin.call('ACL', 'SETUSER', 'default', '+sadd');
    await until('a second line', () => lines.length >= 2);
    assert.equal(lines.at(-1), 'Redis takes ids again');
    assert.ok((await admin.keys('work-factory:ids:*')).length > 0);
  });

  it('connects again when it became a replica, so that a failover is followed; once in 5 s', async (t) => {
    const { admin, lines, open } = await setUp(t);
    const results = open();
    await results.check();
    const connections = async (): Promise<number> =>
      Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1]);
    const before = await connections();
    await admin.call('REPLICAOF', '127.0.0.1', '1');
    for (let tries = 0; tries < 20; tries++) {
      assert.match(await responseOf(() => results.check()), /READONLY/);
      results.remember(idsOf(createJid()));
    }
    assert.equal((await connections()) - before, 1);
    assert.deepEqual(lines, ['Redis took no ids: they stay in this process']);
    await admin.call('REPLICAOF', 'NO', 'ONE');
    assert.equal(await responseOf(() => results.check()), '');
  });

  it('lets a worker take up its work as soon as it takes writes again', async (t) => {
    const { admin, open } = await setUp(t);
    await admin.call('REPLICAOF', '127.0.0.1', '1');
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const unwanted = (): never => assert.fail('no job was added');
    const up = new Promise<void>((onUp) => {
      const options = { results: open(), clock: systemClock, onStored: unwanted, onGivenUp: unwanted, onUp, log };
      const recorder = createRecorder(options);
      t.after(() => recorder.takeAll());
      recorder.start();
    });
    const early = await Promise.race([up.then(() => 'up'), new Promise((resolve) => setTimeout(resolve, 500, 'down'))]);
    assert.equal(early, 'down');
    await admin.call('REPLICAOF', 'NO', 'ONE');
    await up;
  });
});

describe('a Redis user without the channel', { skip: redisServerPath() === undefined }, () => {
  it('stores results all the same, and logs the refused PUBLISH once', async (t) => {
    const { admin, lines, open } = await setUp(t);
    await allow(admin, 'worker', 'resetchannels');
    const results = open('worker');
    await results.check();
    const jids = Array.from({ length: 5 }, () => createJid());
    for (const jid of jids) await results.put([succeeded(jid)]);
    for (const jid of jids) assert.deepEqual(await results.get(jid), succeeded(jid));
    assert.deepEqual(lines, ['Redis refuses PUBLISH: waiters look once a second']);
    await allow(admin, 'worker', '&*');
    await results.put([succeeded(createJid())]);
    assert.equal(lines.at(-1), 'Redis takes PUBLISH again');
  });

  it('ends waits a second late, whichever side lacks the channel, and makes no more connections', async (t) => {
    const { admin, lines, open } = await setUp(t);
    await allow(admin, 'silent', 'resetchannels');
    for (const [reader, writer] of [
      ['silent', undefined],
      [undefined, 'silent'],
    ]) {
      const [api, worker] = [open(reader), open(writer)];
      await Promise.all([api.check(), worker.check()]);
      const jid = createJid();
      const held = api.wait(jid, 20_000);
      await api.get(jid);
      const startedMs = performance.now();
      await worker.put([succeeded(jid)]);
      assert.deepEqual(await held, succeeded(jid));
      assert.ok(performance.now() - startedMs < 10_000, 'it was not looked for again');
    }
    // One for the admin, two for each of the readers, one for each of the writers.
    const stats = await admin.info('stats');
    assert.equal(/total_connections_received:(\d+)/.exec(stats)?.[1], '7');
    assert.equal(lines.filter((line) => line.includes('subscription')).length, 1);
  });
});
