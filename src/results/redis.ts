// The result store in Redis, which several processes share (docs/decisions/0009-results.md). When its Redis user lacks a
// right, only the feature that needs the right is missing: without the channel, each waiter reads its record once a second.
import { systemClock } from '../domain/clock.ts';
import { presentOf, type JobRecord, type ResultStore } from '../domain/results.ts';
import { Outbox } from './outbox.ts';
import { checkRedis, createOutageLog, closeRedis, openRedis, type RedisLog } from './redis-connection.ts';
import { createRedisEnds } from './redis-ends.ts';
import { createRedisRecords } from './redis-records.ts';
import { createWaiters } from './waiters.ts';

export interface RedisResultsOptions {
  /** `redis://` or `rediss://`. */
  url: string;
  ttlSeconds: number;
  log: RedisLog;
}

/** About 12 MB: ten seconds of the fastest enqueueing. */
const idsMax = 100_000;
/** About 10 MB. */
const recordsMax = 20_000;

export function createRedisResults({ url, ttlSeconds, log }: RedisResultsOptions): ResultStore {
  const redis = openRedis('results', url, log);
  const outage = createOutageLog(log, 'Redis took no ids: they stay in this process', 'Redis takes ids again');
  const publishing = createOutageLog(
    log,
    'Redis refuses PUBLISH: waiters look once a second',
    'Redis takes PUBLISH again',
  );
  const records = createRedisRecords({ redis, ttlSeconds, publishing });
  const waiters = createWaiters(get);
  const ends = createRedisEnds({ connect: () => openRedis('results (subscriber)', url, log), records, waiters, log });
  const common = { redis, outage, clock: systemClock };
  const unsentIds = new Outbox<string>({
    ...common,
    send: records.addIds,
    nameOf: (jid) => jid,
    itemsMax: idsMax,
  });
  const unsentRecords = new Outbox<JobRecord>({
    ...common,
    send: records.remember,
    nameOf: ({ job_id: jid }) => jid,
    itemsMax: recordsMax,
  });

  async function get(jid: string): Promise<JobRecord | undefined> {
    const pending: JobRecord = { job_id: jid, state: 'pending' };
    const unsent = unsentRecords.get(jid) ?? (unsentIds.get(jid) && pending);
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
      void unsentRecords.send(fresh);
      const others = fresh.length === 0 ? jobs : jobs.filter(({ record }) => record === undefined);
      void unsentIds.send(others.map(({ jid }) => jid));
    },
    async close() {
      waiters.close();
      unsentIds.close();
      unsentRecords.close();
      ends.close();
      await closeRedis(redis);
    },
  };
}
