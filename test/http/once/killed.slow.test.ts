// The API is killed at each moment of a request with a key, and the request is sent again: never a second job, never
// "enqueued" without one.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { spawnChild } from '../../helpers/children.ts';
import { brokerFolder, queuedJobs, startBroker } from '../../helpers/broker.ts';
import type { ChildOptions, Gap } from './killed-api.ts';
import { nodeArgs, programOf } from '../../helpers/paths.ts';
import { redisServerPath } from '../../helpers/real-parts.ts';
import { startRedis } from '../../helpers/redis.ts';

const add = { a: 1, b: 2 };
const entry = { operation: 'add', args: add };

/** The first one at every moment, the others where they differ from it. */
const requests: readonly (readonly [name: string, path: string, body: object, header: boolean, jobs: number])[] = [
  ['a job', '/jobs/add', add, true, 1],
  ['a batch', '/jobs/batch', { jobs: Array.from({ length: 300 }, () => ({ operation: 'add', ...add })) }, true, 300],
  [
    'entries',
    '/jobs/batch',
    {
      jobs: [
        { ...entry, key: 'a' },
        { ...entry, key: 'b' },
      ],
    },
    false,
    2,
  ],
];

async function startChild(t: TestContext, options: ChildOptions): Promise<{ child: ChildProcess; url: string }> {
  const args = [...nodeArgs, programOf('test/http/once/killed-api.ts'), JSON.stringify(options)];
  const child = spawnChild(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, url: line };
}

interface JobResponse {
  status: number;
  replayed: boolean;
  ids: string[];
}

/** Undefined when the connection broke. A store of keys that is not connected yet is asked again. */
async function post(url: string, path: string, body: object, header: boolean): Promise<JobResponse | undefined> {
  for (let tries = 0; ; tries++) {
    const headers = { 'content-type': 'application/json', ...(header && { 'idempotency-key': 'k' }) };
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) }).catch(
      () => undefined,
    );
    if (response === undefined) return undefined;
    const read = (await response.json()) as {
      code?: string;
      job_id?: string;
      job_ids?: string[];
      results?: { replayed?: boolean }[];
    };
    if (read.code === 'keys_unavailable' && tries < 200) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      continue;
    }
    const replayed = response.headers.get('idempotency-replayed') === 'true' || read.results?.[0]?.replayed === true;
    return { status: response.status, replayed, ids: read.job_id ? [read.job_id] : (read.job_ids ?? []) };
  }
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.signalCode === null) await once(child, 'exit');
}

describe('an API that is killed within a request with a key, embedded', () => {
  // Whether the group was on disk when it ended.
  const gaps: readonly (readonly [Gap, boolean])[] = [
    ['claim', false],
    ['claimed', false],
    ['write', false],
    ['written', true],
    ['pushed', true],
    ['settled', true],
  ];
  for (const [name, path, body, header, jobs] of requests) {
    for (const [gap, isStored] of jobs === 1 ? gaps : gaps.slice(2, 4)) {
      it(`at "${gap}", with ${name}: the repetition is ${isStored ? 'answered as the first' : 'the first'}`, async (t) => {
        const dataDir = brokerFolder();
        const options = { dataDir, underWayMsMax: 25_000 };
        const first = await startChild(t, { ...options, gap });
        assert.equal(await post(first.url, path, body, header), undefined);
        await killed(first.child);
        const second = await startChild(t, { ...options, gap: 'none' });
        const responses = [await post(second.url, path, body, header), await post(second.url, path, body, header)] as [
          JobResponse,
          JobResponse,
        ];
        second.child.kill('SIGKILL');
        await killed(second.child);
        assert.deepEqual(
          responses.map(({ status }) => status),
          [202, 202],
        );
        assert.deepEqual(
          responses.map(({ replayed }) => replayed),
          [isStored, true],
        );
        assert.deepEqual(responses[0].ids, responses[1].ids);
        const broker = await startBroker(t, { dataDir });
        assert.equal(await queuedJobs(broker.port), jobs);
      });
    }
  }
});

describe('an API that is killed within a request with a key, Redis', { skip: redisServerPath() === undefined }, () => {
  // What the repetition is answered, and how many copies there are in the end.
  const gaps: readonly (readonly [Gap, status: number, replayed: boolean, stored: boolean])[] = [
    ['claim', 202, false, true],
    ['claimed', 504, false, false],
    ['pushed', 504, false, true],
    ['settled', 202, true, true],
  ];
  for (const [name, path, body, header, jobs] of requests) {
    for (const [gap, status, replayed, isStored] of jobs === 1 ? gaps : gaps.slice(2, 3)) {
      it(`at "${gap}", with ${name}: the repetition is answered ${status}`, async (t) => {
        const [broker, redis] = [await startBroker(t), await startRedis(t)];
        const options = { brokerPort: broker.port, redisUrl: redis.url };
        const first = await startChild(t, { ...options, underWayMsMax: 25_000, gap });
        assert.equal(await post(first.url, path, body, header), undefined);
        await killed(first.child);
        const [early, late] = [
          await startChild(t, { ...options, underWayMsMax: 25_000, gap: 'none' }),
          await startChild(t, { ...options, underWayMsMax: 0, gap: 'none' }),
        ];
        if (status === 504 && header) assert.equal((await post(early.url, path, body, header))?.status, 409);
        const response = await post(late.url, path, body, header);
        assert.deepEqual([response?.status, response?.replayed], [status, replayed]);
        assert.equal(response?.ids.length, jobs);
        assert.equal(await queuedJobs(broker.port), isStored ? jobs : 0);
      });
    }
  }
});
