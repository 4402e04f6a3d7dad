// A steady stream of jobs through the API, and what became of each: every 202 is held against the results in Redis.
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { JobRecord } from '../../src/domain/results.ts';
import { createRedisResults } from '../../src/results/redis.ts';
import { createCallers, resultOf, type Callers } from './crowd.ts';

export interface Load extends Pick<Callers, 'offered' | 'byStatus' | 'slowestMs'> {
  /** What each acknowledged job has to come to, by id. */
  readonly expected: ReadonlyMap<string, number>;
  /** Ends the stream; resolves when every request has its response. */
  stop(): Promise<void>;
}

const tickMs = 50;

/** Singles and batches, in turn, at a pace that does not follow the responses. */
export function startLoad(t: TestContext, url: string, jobsPerSecond: number): Load {
  const perRequest = Math.round((jobsPerSecond * tickMs * 2) / 1000) - 1;
  const callers = createCallers(url);
  const open = new Set<Promise<number>>();
  let ticks = 0;

  function tick(): void {
    const asking = ticks++ % 2 === 0 ? callers.single() : callers.batch(perRequest);
    open.add(asking);
    void asking.then(() => open.delete(asking));
  }

  const timer = setInterval(tick, tickMs);
  t.after(() => clearInterval(timer));
  return {
    offered: callers.offered,
    byStatus: callers.byStatus,
    get slowestMs() {
      return callers.slowestMs;
    },
    get expected() {
      const acknowledged = callers.offered.filter(({ outcome }) => outcome === 'enqueued');
      return new Map(acknowledged.map((job) => [job.jobId as string, resultOf(job)]));
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
    // A worker that asks whether it may publish says `probe`.
    for (const id of ids.split(',')) if (id !== 'probe') runs.set(id, (runs.get(id) ?? 0) + 1);
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
