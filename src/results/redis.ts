// The result store in Redis, which several processes share (docs/decisions/0009-results.md). When its user lacks a right, only
// the feature that needs the right is missing: without the channel, each waiter reads its record from time to time.
import { systemClock } from '../domain/clock.ts';
import { presentOf, type JobRecord, type ResultStore } from '../domain/results.ts';
import { createHeldIds } from './held-ids.ts';
import { createHeldRecords } from './held-records.ts';
import { checkRedis, createTrouble, openRedis, type RedisLog } from './redis-connection.ts';
import { createRedisEnds } from './redis-ends.ts';
import { createRedisRecords } from './redis-records.ts';
import { createWaiters } from './waiters.ts';

export interface RedisResultsOptions {
  /** `redis://` or `rediss://`. */
  url: string;
  ttlSeconds: number;
  log: RedisLog;
}

export function createRedisResults({ url, ttlSeconds, log }: RedisResultsOptions): ResultStore {
  const redis = openRedis('results', url, log);
  const keeping = createTrouble(log, {}, 'Redis took no ids: they stay in this process', 'Redis takes ids again');
  const publishing = createTrouble(
    log,
    {},
    'Redis refuses PUBLISH: waiters look once a second',
    'Redis takes PUBLISH again',
  );
  const records = createRedisRecords({ redis, ttlSeconds, publishing });
  const waiters = createWaiters(get);
  const ends = createRedisEnds({ connect: () => openRedis('results (subscriber)', url, log), records, waiters, log });
  const held = { isReady: () => redis.status === 'ready', clock: systemClock };
  const heldIds = createHeldIds({ ...held, send: (second, jids) => keep(records.addIds(second, jids)) });
  const heldRecords = createHeldRecords({ ...held, send: (fresh) => keep(records.remember(fresh)) });

  async function get(jid: string): Promise<JobRecord | undefined> {
    const pending: JobRecord = { job_id: jid, state: 'pending' };
    const unsent = heldRecords.get(jid) ?? (heldIds.has(jid) ? pending : undefined);
    try {
      const { record, isKnown } = await records.find(jid);
      const found = record ?? unsent;
      if (found) return presentOf(found, Date.now());
      return isKnown ? pending : undefined;
    } catch (error) {
      if (unsent) return presentOf(unsent, Date.now());
      throw error;
    }
  }

  async function keep(sending: Promise<unknown>): Promise<void> {
    try {
      await sending;
    } catch (error) {
      keeping.began(error as Error);
      throw error;
    }
    keeping.ended();
  }

  return {
    get,
    wait(jid, timeoutMs, signal) {
      ends.watch();
      return waiters.wait(jid, timeoutMs, signal);
    },
    put: records.put,
    check: () => checkRedis(redis, records.probe),
    cancel: records.cancel,
    remember(jobs) {
      const fresh = jobs.flatMap(({ record }) => record ?? []);
      if (fresh.length > 0) heldRecords.add(fresh);
      const ids = fresh.length === 0 ? jobs : jobs.filter(({ record }) => record === undefined);
      if (ids.length > 0) heldIds.add(ids.map(({ jid }) => jid));
    },
    async close() {
      waiters.close();
      heldIds.close();
      heldRecords.close();
      ends.close();
      // Lets commands in flight end; rejects at once when there is no connection.
      await redis.quit().catch(() => redis.disconnect());
    },
  };
}
