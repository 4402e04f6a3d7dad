// A connection to Redis on which every command has a time limit and none waits for a connection, so that a Redis that is
// away costs its callers nothing. Relies on ioredis 6.
import { once } from 'node:events';
import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import { OwnCause } from '../domain/cause.ts';
import { systemClock } from '../domain/clock.ts';
import { inTime } from '../domain/in-time.ts';

export type RedisLog = Pick<Logger, 'info' | 'warn'>;

// ioredis' own defaults wait without end for a Redis that is away.
const redisOptions = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  connectTimeout: 5000,
  commandTimeout: 2000,
  // After this long without a reply the connection may be broken.
  socketTimeout: 6000,
  keepAlive: 10_000,
  retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 10), 1000),
  enableAutoPipelining: true,
  // The subscription is made by our own code, which then looks for jobs that ended meanwhile.
  autoResubscribe: false,
} satisfies RedisOptions;

/** After a failover the host name leads to another server. Where it does not, this limits how often connections are made. */
const reconnectPauseMs = 5000;
/** Longer than any attempt to connect, which ends with an event of its own. */
const readyMsMax = 8000;

export function openRedis(name: string, url: string, log: RedisLog): Redis {
  let reconnectedMs = -Infinity;
  const redis = new Redis(url, { ...redisOptions, reconnectOnError: isMovedAway });
  const outage = createOutageLog(log, 'Redis is away', 'Redis is there again', { store: name });

  /** The caller of the command logs the refusal. A script's error contains READONLY (Redis 6), other errors begin with it. */
  function isMovedAway({ message }: Error): boolean {
    const now = performance.now();
    if (!message.includes('READONLY') || now - reconnectedMs < reconnectPauseMs) return false;
    reconnectedMs = now;
    return true;
  }

  redis.on('error', (error: Error) => outage.began(error));
  redis.on('ready', () => outage.ended());
  watchReach(redis);
  return redis;
}

/** Whether TCP connected before the latest connection failed. No entry: nothing is known. */
const reached = new WeakMap<Redis, boolean>();
/** Less than the limit of /ready, so that /ready reports the cause of a hang. */
const checkMsMax = 1900;

function watchReach(redis: Redis): void {
  redis.on('connect', () => reached.set(redis, true));
  redis.on('error', ({ message }: Error) => /ETIMEDOUT/.test(message) && reached.set(redis, false));
  redis.on('ready', () => reached.delete(redis));
}

/** Waits for a connection, then calls `ask`. The error tells whether Redis hangs or the network is silent. */
export async function checkRedis(redis: Redis, ask: () => Promise<unknown>): Promise<void> {
  const asking = untilReady(redis).then(ask);
  const lateError = (): Error => new Error('no reply');
  try {
    await inTime(asking, { clock: systemClock, timeoutMs: checkMsMax, lateError });
  } catch (error) {
    const isReached = reached.get(redis);
    if (isReached === undefined || !/no reply|timed out|ETIMEDOUT/.test((error as Error).message)) throw error;
    throw new OwnCause(
      isReached ? 'its process hangs (TCP connects, no reply)' : 'no TCP connection: the network, or its machine',
    );
  }
}

/** Resolves when there is a connection; rejects as soon as the attempt to make it has failed. */
export async function untilReady(redis: Redis): Promise<void> {
  if (redis.status !== 'ready') await once(redis, 'ready', { signal: AbortSignal.timeout(readyMsMax) });
}

/** Commands that were sent may end; without a connection QUIT rejects at once. */
export async function closeRedis(redis: Redis): Promise<void> {
  await redis.quit().catch(() => redis.disconnect());
}

export interface OutageLog {
  began(error: Error): void;
  ended(): void;
}

/** Logs a line when an outage begins, and a line when it is over. */
export function createOutageLog(log: RedisLog, began: string, ended: string, fields: object = {}): OutageLog {
  let isOn = false;
  return {
    began({ message }) {
      if (!isOn) log.warn({ ...fields, error: message }, began);
      isOn = true;
    },
    ended() {
      if (isOn) log.info(fields, ended);
      isOn = false;
    },
  };
}
