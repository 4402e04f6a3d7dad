// The result store of processes that do not share one: Redis (docs/decisions/results.md). Each right of its user that is
// missing costs what needs it and no more: without the channel, waiters look by themselves.
import { systemClock, type Timer } from '../domain/clock.ts';
import { isEnded, type JobRecord, type ResultStore } from '../domain/results.ts';
import { createHeldIds, jidSecond } from './held-ids.ts';
import { createTrouble, openRedis, untilReady, type RedisLog } from './redis-connection.ts';
import { createSubscription, type Subscription } from './redis-subscription.ts';
import { createWaiters } from './waiters.ts';

export interface RedisResultsOptions {
  /** `redis://` or `rediss://`. */
  url: string;
  ttlSeconds: number;
  log: RedisLog;
}

const resultKey = (jid: string): string => `work-factory:result:${jid}`;
const idsKey = (second: number): string => `work-factory:ids:${second}`;
const channel = 'work-factory:ended';

/**
 * One command stores a group and wakes its waiters: KEYS are the records', ARGV the TTL, the ended ids, the records. Answers
 * with the reason when the ids could not be published: the records are stored all the same.
 */
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
if ARGV[2] == '' then return false end
local told = redis.pcall('PUBLISH', '${channel}', ARGV[2])
return type(told) == 'table' and told.err`;
/** Redis does nothing else meanwhile: about 2 ms. */
const putMax = 1000;
const readMax = 500;
/** Seconds whose expiry is set already. */
const secondsKnownMax = 64;
/** Too short for the id of a job, so that nobody asks for it. */
const probeId = 'probe';
const probeSeconds = 1;
/** How late a waiter learns of an end whose message was refused or lost. */
const lookEveryMs = 1000;

export function createRedisResults({ url, ttlSeconds, log }: RedisResultsOptions): ResultStore {
  const redis = openRedis('results', url, log);
  const waiters = createWaiters(get);
  const heldIds = createHeldIds({ send: sendIds, isReady: () => redis.status === 'ready', clock: systemClock });
  const expiring = new Set<number>();
  const refusals = {
    ids: createTrouble(log, {}, 'Redis took no ids: they stay in this process', 'Redis takes ids again'),
    publish: createTrouble(log, {}, 'Redis refuses PUBLISH: waiters look once a second', 'Redis takes PUBLISH again'),
  };
  let subscription: Subscription | undefined;
  let looking: Timer | undefined;

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
    try {
      const adding = redis.sadd(idsKey(second), ...jids);
      await (expiring.has(second) ? adding : Promise.all([adding, redis.expire(idsKey(second), ttlSeconds)]));
    } catch (error) {
      refusals.ids.began(error as Error);
      throw error;
    }
    refusals.ids.ended();
    expiring.add(second);
    if (expiring.size > secondsKnownMax) expiring.delete(expiring.values().next().value as number);
  }

  function putGroup(records: readonly JobRecord[]): Promise<void> {
    const ended = records.filter(isEnded).map(({ job_id }) => job_id);
    const values = records.map((record) => JSON.stringify(record));
    const keys = records.map(({ job_id }) => resultKey(job_id));
    return evaluate(keys, ttlSeconds, ended, values);
  }

  async function evaluate(keys: string[], seconds: number, ended: string[], values: string[]): Promise<void> {
    const answer = await redis.eval(putScript, keys.length, ...keys, seconds, ended.join(','), ...values);
    const refusal = answer as string | null;
    if (refusal !== null) refusals.publish.began(new Error(refusal));
    else if (ended.length > 0) refusals.publish.ended();
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

  /** A failure here is no news to a waiter: it looks again, and reads for itself when its time is up. */
  const tryWake = (jids: readonly string[]): Promise<void> => wakeEnded(jids).catch(() => undefined);

  // The messages of a Redis that refuses them come to nobody, and nobody is told: hence the look at all waiters.
  function lookSoon(): void {
    looking ??= systemClock.after(lookEveryMs, () => {
      void tryWake([...waiters.jids]).then(() => {
        looking = undefined;
        if (waiters.size > 0) lookSoon();
      });
      subscription?.retry();
    });
  }

  return {
    get,
    wait(jid, timeoutMs, signal) {
      subscription ??= createSubscription({
        redis: openRedis('results (subscriber)', url, log),
        channel,
        log,
        onSubscribed: () => void tryWake([...waiters.jids]),
        onMessage(jids) {
          const wanted = waiters.size === 0 ? [] : jids.split(',').filter((one) => waiters.has(one));
          if (wanted.length > 0) void tryWake(wanted);
        },
      });
      lookSoon();
      return waiters.wait(jid, timeoutMs, signal);
    },
    async put(records) {
      for (let start = 0; start < records.length; start += putMax) await putGroup(records.slice(start, start + putMax));
    },
    // By the script itself: another command may be allowed where this one is not.
    async check() {
      await untilReady(redis);
      await evaluate([resultKey(probeId)], probeSeconds, [probeId], ['"state":"pending"']);
    },
    remember: (jids) => heldIds.add(jids),
    async close() {
      waiters.close();
      heldIds.close();
      looking?.cancel();
      subscription?.close();
      // Lets commands in flight end; rejects at once when there is no connection.
      await redis.quit().catch(() => redis.disconnect());
    },
  };
}
