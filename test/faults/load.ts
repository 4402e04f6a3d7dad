// A steady stream of jobs through the API, and what became of each: every 202 is held against the results in Redis.
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { JobRecord } from '../../src/domain/results.ts';
import { createRedisResults } from '../../src/results/redis.ts';
import { post } from '../helpers/service.ts';

export interface Load {
  /** The sum that each acknowledged job has to come to, by id. */
  readonly expected: ReadonlyMap<string, number>;
  /** Requests by status; a request without an answer is under 0. */
  readonly answers: Readonly<Record<number, number>>;
  readonly slowestMs: number;
  /** Ends the stream; resolves when every request has its answer. */
  stop(): Promise<void>;
}

const tickMs = 50;
const noAnswer: Awaited<ReturnType<typeof post>> = { status: 0, body: {} };

/** Singles and batches, in turn, at a pace that does not follow the answers. */
export function startLoad(t: TestContext, url: string, jobsPerSecond: number): Load {
  const perRequest = Math.round((jobsPerSecond * tickMs * 2) / 1000) - 1;
  const expected = new Map<string, number>();
  const answers: Record<number, number> = {};
  const open = new Set<Promise<void>>();
  let slowestMs = 0;
  let count = 0;
  let ticks = 0;

  async function send(path: string, body: unknown, sums: readonly number[]): Promise<void> {
    const startedMs = performance.now();
    const answer = await post(url + path, body).catch(() => noAnswer);
    slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    answers[answer.status] = (answers[answer.status] ?? 0) + 1;
    if (answer.status !== 202) return;
    const ids = (answer.body['job_ids'] ?? [answer.body['job_id']]) as string[];
    ids.forEach((id, index) => expected.set(id, sums[index] as number));
  }

  function tick(): void {
    const isSingle = ticks++ % 2 === 0;
    const jobs = Array.from({ length: isSingle ? 1 : perRequest }, () => ({ operation: 'add', a: ++count, b: 1 }));
    const sums = jobs.map(({ a, b }) => a + b);
    const sending = isSingle ? send('/jobs/add', jobs[0], sums) : send('/jobs/batch', { jobs }, sums);
    open.add(sending);
    void sending.then(() => open.delete(sending));
  }

  const timer = setInterval(tick, tickMs);
  t.after(() => clearInterval(timer));
  return {
    expected,
    answers,
    get slowestMs() {
      return slowestMs;
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
    },
  };
}

export interface Ends {
  /** How often each job ended, as the store has told those who wait. */
  readonly runs: ReadonlyMap<string, number>;
  /** Jobs that ended more than once. */
  readonly repeated: readonly string[];
  /** Resolves with every record once all have ended; rejects with those that have not when the time is up. */
  all(ids: Iterable<string>, timeoutMs: number): Promise<Map<string, JobRecord>>;
}

/** Watches the ends of jobs in a Redis. */
export async function watchEnds(t: TestContext, url: string): Promise<Ends> {
  const runs = new Map<string, number>();
  const subscriber = new Redis(url);
  t.after(() => subscriber.disconnect());
  subscriber.on('error', () => undefined);
  subscriber.on('message', (_channel, ids: string) => {
    for (const id of ids.split(',')) runs.set(id, (runs.get(id) ?? 0) + 1);
  });
  await subscriber.subscribe('work-factory:ended');
  const log = { info: () => undefined, warn: () => undefined };
  const results = createRedisResults({ url, ttlSeconds: 3600, log });
  t.after(() => results.close());
  return {
    runs,
    get repeated() {
      return [...runs].filter(([, count]) => count > 1).map(([id]) => id);
    },
    async all(ids, timeoutMs) {
      const records = new Map<string, JobRecord>();
      const untilMs = performance.now() + timeoutMs;
      for (let missing = [...ids]; ;) {
        for (let start = 0; start < missing.length; start += 1000) {
          const group = missing.slice(start, start + 1000);
          const found = await Promise.all(group.map((id) => results.get(id).catch(() => undefined)));
          for (const record of found) if (record && record.state !== 'pending') records.set(record.job_id, record);
        }
        missing = missing.filter((id) => !records.has(id));
        if (missing.length === 0) return records;
        if (performance.now() > untilMs)
          throw new Error(`no result of ${missing.length} jobs, ${missing[0]} among them`);
        await delay(50);
      }
    },
  };
}
