// The result store in Redis, which several processes share (docs/decisions/0009-results.md). When its user lacks a right, only
// the feature that needs the right is missing: without the channel, each waiter reads its record from time to time.
import { systemClock, type Timer } from '../domain/clock.ts';
import { isEnded, presentOf, type JobRecord, type ResultStore } from '../domain/results.ts';
import { createHeldIds, jidSecond } from './held-ids.ts';
import { createHeldRecords } from './held-records.ts';
import { keptMs } from './lifetime.ts';
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
 * One command stores a group of ends and wakes their waiters: KEYS are the records', ARGV the TTL, the ended ids, the records.
 * Returns the reason when the ids could not be published: the records are stored all the same.
 */
const putScript = `
for i, key in ipairs(KEYS) do redis.call('SET', key, ARGV[i + 2], 'EX', ARGV[1]) end
if ARGV[2] == '' then return false end
local told = redis.pcall('PUBLISH', '${channel}', ARGV[2])
return type(told) == 'table' and told.err`;
/** What has not ended replaces no end: ARGV has the seconds and the record of each key. One that cannot be decoded has a result. */
const newsScript = `
for i, key in ipairs(KEYS) do
  local old = redis.call('GET', key)
  local isRead, known = pcall(cjson.decode, old or '{"state":"pending"}')
  if isRead and (known.state == 'pending' or known.state == 'scheduled') then
    redis.call('SET', key, ARGV[2 * i], 'EX', ARGV[2 * i - 1])
  end
end`;
/** As the news, but replaces nothing. */
const rememberScript = `
for i, key in ipairs(KEYS) do redis.call('SET', key, ARGV[2 * i], 'EX', ARGV[2 * i - 1], 'NX') end`;
/** `isWaiting`, in the one place where no worker comes between: KEYS is the record's, ARGV the TTL, the id, the record. */
const cancelScript = `
local old = redis.call('GET', KEYS[1])
local isRead, known = pcall(cjson.decode, old or '{}')
if not isRead or not (known.state == 'scheduled' or known.state == 'pending' and known.error) then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[1])
redis.pcall('PUBLISH', '${channel}', ARGV[2])
return 1`;
/** Redis does nothing else meanwhile: about 2 ms. */
const putMax = 1000;
const readMax = 500;
/** Seconds whose expiry is set already. */
const secondsKnownMax = 64;
/** Too short for the id of a job. */
const probeId = 'probe';
const probeSeconds = 1;
/** How late a waiter learns of an end whose message was refused or lost. */
const lookEveryMs = 1000;

export function createRedisResults({ url, ttlSeconds, log }: RedisResultsOptions): ResultStore {
  const redis = openRedis('results', url, log);
  const waiters = createWaiters(get);
  const isReady = (): boolean => redis.status === 'ready';
  const heldIds = createHeldIds({ send: sendIds, isReady, clock: systemClock });
  const heldRecords = createHeldRecords({ send: sendRecords, isReady, clock: systemClock });
  const expiring = new Set<number>();
  const refusals = {
    ids: createTrouble(log, {}, 'Redis took no ids: they stay in this process', 'Redis takes ids again'),
    publish: createTrouble(log, {}, 'Redis refuses PUBLISH: waiters look once a second', 'Redis takes PUBLISH again'),
  };
  let subscription: Subscription | undefined;
  let looking: Timer | undefined;

  async function get(jid: string): Promise<JobRecord | undefined> {
    const second = jidSecond(jid);
    const held = heldRecords.get(jid) ?? (heldIds.has(jid) ? { job_id: jid, state: 'pending' as const } : undefined);
    const present = (record: JobRecord | undefined): JobRecord | undefined => record && presentOf(record, Date.now());
    try {
      const [record, isKnown] = await Promise.all([
        redis.get(resultKey(jid)),
        second === undefined ? 0 : redis.sismember(idsKey(second), jid),
      ]);
      if (record !== null) return present(JSON.parse(record) as JobRecord);
      return present(held) ?? (isKnown === 1 ? { job_id: jid, state: 'pending' } : undefined);
    } catch (error) {
      if (held) return present(held);
      throw error;
    }
  }

  async function sendIds(second: number, jids: readonly string[]): Promise<void> {
    const adding = redis.sadd(idsKey(second), ...jids);
    await toldOf(expiring.has(second) ? adding : Promise.all([adding, redis.expire(idsKey(second), ttlSeconds)]));
    expiring.add(second);
    if (expiring.size > secondsKnownMax) expiring.delete(expiring.values().next().value as number);
  }

  function sendRecords(records: readonly JobRecord[]): Promise<void> {
    return toldOf(evaluateEach(rememberScript, records));
  }

  async function toldOf(sending: Promise<unknown>): Promise<void> {
    try {
      await sending;
    } catch (error) {
      refusals.ids.began(error as Error);
      throw error;
    }
    refusals.ids.ended();
  }

  async function putGroup(records: readonly JobRecord[]): Promise<void> {
    const ended = records.filter(isEnded);
    if (ended.length > 0) await putEnded(ended);
    if (ended.length < records.length)
      await evaluateEach(
        newsScript,
        records.filter((record) => !isEnded(record)),
      );
  }

  function putEnded(records: readonly JobRecord[]): Promise<void> {
    const jids = records.map(({ job_id }) => job_id);
    const values = records.map((record) => JSON.stringify(record));
    return evaluate(jids.map(resultKey), ttlSeconds, jids, values);
  }

  async function evaluate(keys: string[], seconds: number, ended: string[], values: string[]): Promise<void> {
    const answer = await redis.eval(putScript, keys.length, ...keys, seconds, ended.join(','), ...values);
    const refusal = answer as string | null;
    if (refusal !== null) refusals.publish.began(new Error(refusal));
    else if (ended.length > 0) refusals.publish.ended();
  }

  /** Each record with its own time to live. */
  function evaluateEach(script: string, records: readonly JobRecord[]): Promise<unknown> {
    const keys = records.map(({ job_id }) => resultKey(job_id));
    const seconds = (record: JobRecord): number => Math.ceil(keptMs(record, ttlSeconds * 1000, Date.now()) / 1000);
    const values = records.flatMap((record) => [seconds(record), JSON.stringify(record)]);
    return redis.eval(script, keys.length, ...keys, ...values);
  }

  /** Wakes the waiters of the given ids whose jobs have ended. */
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

  // A Redis that refuses to publish sends no messages and no error here: so all waiters are looked at.
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
    // It runs the script itself: the user may be allowed other commands and not this one.
    async check() {
      await untilReady(redis);
      await evaluate([resultKey(probeId)], probeSeconds, [probeId], ['"state":"pending"']);
    },
    async cancel(record) {
      const { job_id: jid } = record;
      return (await redis.eval(cancelScript, 1, resultKey(jid), ttlSeconds, jid, JSON.stringify(record))) === 1;
    },
    remember(jobs) {
      const records = jobs.flatMap(({ record }) => record ?? []);
      if (records.length > 0) heldRecords.add(records);
      const ids = records.length === 0 ? jobs : jobs.filter(({ record }) => record === undefined);
      if (ids.length > 0) heldIds.add(ids.map(({ jid }) => jid));
    },
    async close() {
      waiters.close();
      heldIds.close();
      heldRecords.close();
      looking?.cancel();
      subscription?.close();
      // Lets commands in flight end; rejects at once when there is no connection.
      await redis.quit().catch(() => redis.disconnect());
    },
  };
}
