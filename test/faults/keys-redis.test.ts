// The Redis of keys stands still, is killed and is full while callers post jobs with keys to two API processes on a real
// Faktory, and ask again whatever the response was: never a second job, never "enqueued" without one. Callers without keys do
// not notice. FAULTS=1 gives each fault half a minute.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'faktory-worker';
import { Redis } from 'ioredis';
import { startFaktory, type RealFaktory } from '../helpers/real-faktory.ts';
import { faktoryPath } from '../helpers/real-parts.ts';
import { startRedis, type StartedRedis } from '../helpers/redis.ts';
import { post as postUntilPunctual, startService } from '../helpers/service.ts';
import { showed } from './matrix.ts';

const isFull = process.env['FAULTS'] === '1';
const callers = 8;
/** Before, during and after a fault. */
const partMs = isFull ? 10_000 : 1000;
const asksMax = 6;

interface KeyedResponse {
  key: string;
  status: number;
  jobId: string | undefined;
}

interface Load {
  responses: KeyedResponse[];
  /** Of callers without keys. */
  unkeyed: number[];
  stop(): Promise<void>;
}

async function post(url: string, body: object, key?: string): Promise<{ status: number; jobId: string | undefined }> {
  const headers = { 'content-type': 'application/json', ...(key !== undefined && { 'idempotency-key': key }) };
  const response = await fetch(`${url}/jobs/add`, { method: 'POST', headers, body: JSON.stringify(body) });
  const { job_id: jobId } = (await response.json()) as { job_id?: string };
  return { status: response.status, jobId };
}

/** Every key is sent twice at least, to any process, also after its 202. */
function startLoad(urls: readonly string[]): Load {
  const responses: KeyedResponse[] = [];
  const unkeyed: number[] = [];
  let isStopped = false;
  let sent = 0;
  const anyUrl = (): string => urls[sent++ % urls.length] as string;

  async function askAgain(key: string, a: number): Promise<void> {
    for (let asks = 0, isEnough = false; asks < asksMax && !isEnough; asks++) {
      const response = { key, ...(await post(anyUrl(), { a, b: 0, request_id: key }, key)) };
      isEnough = response.status === 202 && asks > 0;
      responses.push(response);
      if (response.status !== 202) await delay(100);
    }
  }

  async function call(caller: number): Promise<void> {
    for (let a = 0; !isStopped; a++) {
      const key = `${caller}-${a}`;
      // Two at once now and then.
      await Promise.all(a % 5 === 0 ? [askAgain(key, a), askAgain(key, a)] : [askAgain(key, a)]);
    }
  }

  /** Does not wait for a response: while the store hangs, all other callers may wait for one. */
  async function callAnyway(): Promise<void> {
    const asking: Promise<void>[] = [];
    for (let a = 0; !isStopped; a++) {
      asking.push(askAgain(`anyway-${a}`, a));
      await delay(500);
    }
    await Promise.all(asking);
  }

  async function callWithoutKey(): Promise<void> {
    for (let a = 0; !isStopped; a++) {
      const { status } = await postUntilPunctual(`${anyUrl()}/jobs/add`, { a, b: 0, request_id: 'none' });
      unkeyed.push(status);
      await delay(20);
    }
  }

  const all = [...Array.from({ length: callers }, (_, caller) => call(caller)), callAnyway(), callWithoutKey()];
  return {
    responses,
    unkeyed,
    async stop() {
      isStopped = true;
      await Promise.all(all);
    },
  };
}

/** The ids of the jobs in Faktory, by the keys that they were posted with. */
async function takeJobs(port: number): Promise<Map<string, string[]>> {
  const client = new Client({ host: '127.0.0.1', port, wid: 'counter' });
  const jobs = new Map<string, string[]>();
  for (;;) {
    const job = await client.fetch('default');
    if (!job) break;
    const [{ request_id: key }] = job.args as [{ request_id: string }];
    jobs.set(key, [...(jobs.get(key) ?? []), job.jid]);
  }
  await client.close();
  jobs.delete('none');
  return jobs;
}

function check(responses: readonly KeyedResponse[], jobs: ReadonlyMap<string, string[]>): void {
  const twice = [...jobs].filter(([, ids]) => ids.length > 1);
  assert.deepEqual(twice, [], 'a second job');
  const wrong = responses.filter(({ key, status, jobId }) => status === 202 && jobs.get(key)?.[0] !== jobId);
  assert.deepEqual(wrong, [], '"enqueued" of another job, or of none');
  const others = responses.filter(({ status }) => ![202, 409, 503, 504].includes(status));
  assert.deepEqual(others, []);
}

interface Scene {
  redis: StartedRedis;
  faktory: RealFaktory;
  load: Load;
}

async function setUp(t: TestContext): Promise<Scene> {
  // What it has answered it keeps when it is killed.
  const [faktory, redis] = await Promise.all([startFaktory(t), startRedis(t, { appendfsync: 'always' })]);
  const env = { FAKTORY_URL: faktory.url, KEYS_URL: redis.url };
  const urls = await Promise.all([1, 2].map(() => startService(t, env, 'api').readyUrl()));
  return { redis, faktory, load: startLoad(urls) };
}

/** Its memory has no room from now on, until the returned function is called. */
async function fill(t: TestContext, { url }: StartedRedis): Promise<() => Promise<void>> {
  const admin = new Redis(url);
  t.after(() => admin.disconnect());
  await admin.config('SET', 'maxmemory', '1');
  return async () => void (await admin.config('SET', 'maxmemory', '0'));
}

const faults: readonly (readonly [name: string, run: (t: TestContext, redis: StartedRedis) => Promise<void>])[] = [
  [
    'stands still',
    async (_t, redis) => {
      redis.freeze();
      // Longer than a claim waits for its response.
      await delay(2500 + partMs);
      redis.thaw();
    },
  ],
  [
    'is killed',
    async (_t, redis) => {
      await redis.kill();
      await delay(partMs);
      await redis.restart();
    },
  ],
  [
    'is full',
    async (t, redis) => {
      const empty = await fill(t, redis);
      await delay(partMs);
      await empty();
    },
  ],
];

describe('the Redis of keys, under load', { skip: faktoryPath() === undefined }, () => {
  for (const [name, breakRedis] of faults) {
    it(`${name}: no second job, no false "enqueued", and requests without keys do not notice`, async (t) => {
      const { redis, faktory, load } = await setUp(t);
      await delay(partMs);
      await breakRedis(t, redis);
      await delay(partMs);
      await load.stop();
      const jobs = await takeJobs(faktory.port);
      check(load.responses, jobs);
      const count = (wanted: number): number => load.responses.filter(({ status }) => status === wanted).length;
      showed(
        'keys-redis',
        `${name}: ${load.responses.length} requests, 202: ${count(202)}, 409: ${count(409)}, 503: ${count(503)}, 504: ${count(504)}; ${jobs.size} jobs, none twice`,
      );
      assert.ok(count(202) > 0);
      assert.ok(count(503) > 0, 'the fault was not noticed');
      assert.deepEqual(
        load.unkeyed.filter((status) => status !== 202),
        [],
      );
    });
  }
});
