// The result store of processes that do not share one: Redis. Every command has a time limit and none waits for a
// connection, so that a Redis that is away costs its callers nothing (docs/decisions/results.md). Relies on ioredis 6.
import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import { systemClock } from '../domain/clock.ts';
import { isEnded, type JobRecord, type ResultStore } from '../domain/results.ts';
import { createHeldIds, jidSecond } from './held-ids.ts';
import { createWaiters } from './waiters.ts';

export interface RedisResultsOptions {
  /** `redis://` or `rediss://`. */
  url: string;
  ttlSeconds: number;
  log: Pick<Logger, 'info' | 'warn'>;
}

const resultKey = (jid: string): string => `work-factory:result:${jid}`;
const idsKey = (second: number): string => `work-factory:ids:${second}`;
const channel = 'work-factory:ended';

// ioredis' own defaults wait without end for a Redis that is away.
const redisOptions = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  connectTimeout: 5000,
  commandTimeout: 2000,
  // A command without an answer for so long: the connection itself is in doubt.
  socketTimeout: 6000,
  keepAlive: 10_000,
  retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 10), 1000),
  enableAutoPipelining: true,
  // Done by hand, to look again afterwards at what ended meanwhile.
  autoResubscribe: false,
} satisfies RedisOptions;

/** One command stores a group and wakes its waiters: KEYS are the records', ARGV the TTL, the ended ids, the records. */
const putScript = `
for i, key in ipairs(KEYS) do
  local record = ARGV[i + 2]
  local isLate = false
  if string.find(record, '"state":"pending"', 1, true) then
    local old = redis.call('GET', key)
    isLate = old and not string.find(old, '"state":"pending"', 1, true)
  end
  if not isLate then redis.call('SET', key, record, 'EX', ARGV[1]) end
end
if ARGV[2] ~= '' then redis.call('PUBLISH', '${channel}', ARGV[2]) end`;
/** Redis does nothing else meanwhile: about 2 ms. */
const putMax = 1000;
const readMax = 500;
/** Seconds whose expiry is set already. */
const secondsKnownMax = 64;

export function createRedisResults({ url, ttlSeconds, log }: RedisResultsOptions): ResultStore {
  const redis = open('results', url, log);
  const waiters = createWaiters(get);
  const heldIds = createHeldIds({ send: sendIds, isReady: () => redis.status === 'ready', clock: systemClock });
  const expiring = new Set<number>();
  let subscriber: Redis | undefined;

  async function get(jid: string): Promise<JobRecord | undefined> {
    const second = jidSecond(jid);
    const isHeld = heldIds.has(jid);
    try {
      const [record, isKnown] = await Promise.all([
        redis.get(resultKey(jid)),
        second === undefined ? 0 : redis.sismember(idsKey(second), jid),
      ]);
      if (record !== null) return JSON.parse(record) as JobRecord;
      return isKnown === 1 || isHeld ? { job_id: jid, state: 'pending' } : undefined;
    } catch (error) {
      if (isHeld) return { job_id: jid, state: 'pending' };
      throw error;
    }
  }

  async function sendIds(second: number, jids: readonly string[]): Promise<void> {
    const adding = redis.sadd(idsKey(second), ...jids);
    if (expiring.has(second)) return void (await adding);
    await Promise.all([adding, redis.expire(idsKey(second), ttlSeconds)]);
    expiring.add(second);
    if (expiring.size > secondsKnownMax) expiring.delete(expiring.values().next().value as number);
  }

  async function putGroup(records: readonly JobRecord[]): Promise<void> {
    const keys = records.map(({ job_id }) => resultKey(job_id));
    const ended = records.filter(isEnded).map(({ job_id }) => job_id);
    const values = records.map((record) => JSON.stringify(record));
    await redis.eval(putScript, keys.length, ...keys, ttlSeconds, ended.join(','), ...values);
  }

  /** Wakes those of the given ids that have ended. */
  async function wakeEnded(jids: readonly string[]): Promise<void> {
    for (let start = 0; start < jids.length; start += readMax) {
      const keys = jids.slice(start, start + readMax).map(resultKey);
      for (const text of await redis.mget(keys)) {
        const record = text === null ? undefined : (JSON.parse(text) as JobRecord);
        if (record && isEnded(record)) waiters.wake(record);
      }
    }
  }

  function listen(): void {
    if (subscriber) return;
    const opened = (subscriber = open('results (subscriber)', url, log));
    // After every loss too: what ended meanwhile was told to nobody.
    opened.on('ready', () => {
      opened.subscribe(channel).then(
        () => wakeEnded([...waiters.jids]).catch(() => undefined),
        () => opened.disconnect(true),
      );
    });
    opened.on('message', (_channel, jids: string) => {
      if (waiters.size === 0) return;
      const wanted = jids.split(',').filter((jid) => waiters.has(jid));
      if (wanted.length > 0) wakeEnded(wanted).catch(() => undefined);
    });
  }

  return {
    get,
    wait(jid, timeoutMs, signal) {
      listen();
      return waiters.wait(jid, timeoutMs, signal);
    },
    async put(records) {
      for (let start = 0; start < records.length; start += putMax) await putGroup(records.slice(start, start + putMax));
    },
    remember: (jids) => heldIds.add(jids),
    async close() {
      waiters.close();
      heldIds.close();
      subscriber?.disconnect();
      // Lets commands in flight end; rejects at once when there is no connection.
      await redis.quit().catch(() => redis.disconnect());
    },
  };
}

function open(name: string, url: string, log: RedisResultsOptions['log']): Redis {
  const redis = new Redis(url, redisOptions);
  let isAway = false;
  redis.on('error', (error: Error) => {
    if (!isAway) log.warn({ store: name, error: error.message }, 'Redis is away');
    isAway = true;
  });
  redis.on('ready', () => {
    if (isAway) log.info({ store: name }, 'Redis is there again');
    isAway = false;
  });
  return redis;
}
