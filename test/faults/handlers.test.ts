// Jobs that wait, in handler processes of real workers: killed workers, and stops with long jobs under way. Every job has its
// result in the end, and runs elsewhere at once after a stop in order.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/domain/clock.ts';
import { createJid } from '../../src/domain/jid.ts';
import { FaktoryClient } from '../../src/faktory/client.ts';
import { createRedisResults } from '../../src/results/redis.ts';
import { startBroker } from '../helpers/broker.ts';
import { createRandom } from '../helpers/fault-proxy.ts';
import { writeJobs } from '../helpers/job-folder.ts';
import { startFaktory } from '../helpers/real-faktory.ts';
import { faktoryPath, redisServerPath } from '../helpers/real-parts.ts';
import { startRedis } from '../helpers/redis.ts';
import { startService } from '../helpers/service.ts';
import { until } from '../helpers/until.ts';
import { showed } from './matrix.ts';
import { createMovableClock } from './movable-clock.ts';

const isFull = process.env['FAULTS'] === '1';
const noRedis = redisServerPath() === undefined && 'no Redis on this machine';
const noFaktory = faktoryPath() === undefined && 'no Faktory on this machine';

const definitions = {
  nap: `args: z.object({ ms: z.number(), n: z.int() }), async run({ ms, n }) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return { n };
  }`,
  long: `args: z.object({}), reserveFor: 600, async run(_, { jid, attempt }) {
    const { appendFileSync } = await import('node:fs');
    appendFileSync(process.env.STARTS, jid + ' ' + attempt + ' ' + Date.now() + '\\n');
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    return null;
  }`,
};

/** The shortest that the relations of the configuration allow. */
const quickStop = {
  ...{ FAKTORY_CONNECTION_TIMEOUT: '1', FAKTORY_ACQUIRE_TIMEOUT_MS: '1100', FAKTORY_READ_TIMEOUT: '7' },
  ...{ ENQUEUE_TIMEOUT_MS: '8200', SHUTDOWN_TIMEOUT_MS: '10500', SHUTDOWN_DRAIN_DELAY_MS: '0' },
};

async function openClient(t: TestContext, port: number): Promise<FaktoryClient> {
  const client = new FaktoryClient({
    address: { host: '127.0.0.1', port, tls: false, password: undefined },
    ...{ size: 1, clock: systemClock, random: Math.random },
    ...{ connectTimeoutMs: 2000, readTimeoutMs: 10_000, writeTimeoutMs: 2000, keepAliveDelayMs: 60_000 },
  });
  t.after(() => client.close());
  await client.warm;
  return client;
}

const jobText = (jobtype: string, args: object, jid: string): string =>
  JSON.stringify({ jid, jobtype, args: [args], retry: 25, reserve_for: jobtype === 'long' ? 600 : 60 });

describe('workers with jobs that wait', () => {
  it('lose no job and no result when they are killed under load', { skip: noRedis }, async (t) => {
    const clock = createMovableClock();
    const broker = await startBroker(t, { clock });
    const redis = await startRedis(t);
    const jobsDir = await writeJobs(t, definitions);
    const env = { FAKTORY_URL: broker.url, RESULTS_URL: redis.url, JOBS_DIR: jobsDir };
    const client = await openClient(t, broker.port);
    const results = createRedisResults({ url: redis.url, ttlSeconds: 600, log: { info: () => 0, warn: () => 0 } });
    t.after(() => results.close());

    const random = createRandom(7);
    const expected = new Map<string, number>();
    let isPushing = true;
    const pushing = (async () => {
      for (; isPushing; await delay(100)) {
        const jobs = Array.from({ length: 10 }, () => {
          const jid = createJid();
          expected.set(jid, expected.size);
          return jobText('nap', { ms: Math.round(random() * 300), n: expected.size - 1 }, jid);
        });
        await client.send([`PUSHB [${jobs.join(',')}]`]);
      }
    })();
    const kills = isFull ? 20 : 2;
    let worker = startService(t, env, 'worker');
    for (let round = 0; round < kills; round++) {
      await worker.line(({ msg }) => msg === 'job succeeded');
      await delay(random() * 300);
      await worker.end('SIGKILL');
      worker = startService(t, env, 'worker');
    }
    isPushing = false;
    await pushing;

    const ended = new Map<string, unknown>();
    await until(`${expected.size} results`, async () => {
      clock.advance(1000);
      await delay(20);
      for (const jid of expected.keys()) {
        const record = ended.has(jid) ? undefined : await results.get(jid);
        if (record?.state === 'succeeded') ended.set(jid, record.result);
      }
      return ended.size === expected.size;
    });
    for (const [jid, n] of expected) assert.deepEqual(ended.get(jid), { n });
    showed('handlers-killed', `${kills} kills: ${expected.size} jobs, ${ended.size} results`);
  });

  for (const [name, start, skip] of [
    ['the embedded broker', startBroker, false],
    ['a real Faktory', startFaktory, noFaktory],
  ] as const)
    it(`stop in time with 50 long jobs, which start elsewhere within 2 s of the exit: ${name}`, { skip }, async (t) => {
      const { port, url } = await start(t);
      const jobsDir = await writeJobs(t, definitions);
      const starts = join(jobsDir, '_starts');
      const env = { FAKTORY_URL: url, JOBS_DIR: jobsDir, STARTS: starts, ...quickStop };
      const client = await openClient(t, port);
      const jids = Array.from({ length: 50 }, () => createJid());
      await client.send([`PUSHB [${jids.map((jid) => jobText('long', {}, jid)).join(',')}]`]);

      const one = startService(t, env, 'worker');
      await untilStarted(starts, 50);
      const other = startService(t, env, 'worker');
      // The first one is full: this one shows that the other one runs jobs.
      await client.send([`PUSH ${jobText('nap', { ms: 0, n: 0 }, createJid())}`]);
      await other.line(({ msg }) => msg === 'job succeeded');
      const beganMs = Date.now();
      assert.equal(await one.end('SIGTERM'), 0);
      const exitMs = Date.now();
      if (isFull) assert.ok(exitMs - beganMs < 10_500, `the stop took ${exitMs - beganMs} ms`);
      const again = (await untilStarted(starts, 100)).slice(50);
      const lateMs = Math.max(...again.map(({ startedMs }) => startedMs)) - exitMs;
      if (isFull) assert.ok(lateMs < 2000, `the last one started ${lateMs} ms after the exit`);
      assert.deepEqual(again.map(({ jid }) => jid).sort(), [...jids].sort());
      // Faktory knows FAIL only.
      const attempt = name === 'the embedded broker' ? 1 : 2;
      assert.ok(again.every((run) => run.attempt === attempt));
      showed(
        'handlers-stopped',
        `${name}: exit after ${exitMs - beganMs} ms of 10,500, the last job started ${lateMs} ms later`,
      );
      await other.end('SIGKILL');
    });
});

async function untilStarted(file: string, count: number) {
  const lines = (): string[] =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
      : [];
  await until(`${count} starts`, () => lines().length >= count);
  return lines().map((line) => {
    const [jid = '', attempt, startedMs] = line.split(' ');
    return { jid, attempt: Number(attempt), startedMs: Number(startedMs) };
  });
}
