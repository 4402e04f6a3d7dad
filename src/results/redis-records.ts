// The results in Redis: a record for each job, and for each second a set with the ids of the jobs that were made in it.
import type { Redis } from 'ioredis';
import { jidTimeMs } from '../domain/jid.ts';
import { isEnded, type JobRecord } from '../domain/results.ts';
import { keptMs } from './lifetime.ts';
import type { OutageLog } from './redis-connection.ts';

export interface RedisRecords {
  /** `isKnown`: the id is there, the record may be missing. */
  find(jid: string): Promise<{ record: JobRecord | undefined; isKnown: boolean }>;
  /** Hands the records of ended jobs among these ids to `take`. */
  findEnded(jids: readonly string[], take: (record: JobRecord) => void): Promise<void>;
  put(records: readonly JobRecord[]): Promise<void>;
  /** Puts records, and replaces nothing. */
  remember(records: readonly JobRecord[]): Promise<unknown>;
  /** One command for each second in which ids were made: nearly always one. */
  addIds(jids: readonly string[]): Promise<unknown>;
  /** False: the job does not wait. */
  cancel(record: JobRecord): Promise<boolean>;
  /** Runs the script of `put`: the user may be allowed other commands and not this one. */
  probe(): Promise<void>;
}

interface RedisRecordsOptions {
  redis: Redis;
  ttlSeconds: number;
  /** The ids of ended jobs could not be published. */
  publishing: OutageLog;
}

const resultKey = (jid: string): string => `work-factory:result:${jid}`;
const idsKey = (second: number): string => `work-factory:ids:${second}`;
/** The ids of ended jobs are published here. */
export const endedChannel = 'work-factory:ended';

/**
 * One command stores a group of ends and wakes their waiters: KEYS are the records', ARGV the TTL, the ended ids, the records.
 * Returns the reason when the ids could not be published: the records are stored all the same.
 */
const putScript = `
for i, key in ipairs(KEYS) do redis.call('SET', key, ARGV[i + 2], 'EX', ARGV[1]) end
if ARGV[2] == '' then return false end
local told = redis.pcall('PUBLISH', '${endedChannel}', ARGV[2])
return type(told) == 'table' and told.err`;
/**
 * The record of a job that has not ended replaces no record of an end. ARGV has the seconds and the record of each key. A
 * record that Redis cannot decode has a result, so it is an end.
 */
const newsScript = `
for i, key in ipairs(KEYS) do
  local old = redis.call('GET', key)
  local isRead, known = pcall(cjson.decode, old or '{"state":"pending"}')
  if isRead and (known.state == 'pending' or known.state == 'scheduled') then
    redis.call('SET', key, ARGV[2 * i], 'EX', ARGV[2 * i - 1])
  end
end`;
const rememberScript = `
for i, key in ipairs(KEYS) do redis.call('SET', key, ARGV[2 * i], 'EX', ARGV[2 * i - 1], 'NX') end`;
/** Checks `isWaiting` and writes, with no worker in between. KEYS has the record's key, ARGV the TTL, the id, the record. */
const cancelScript = `
local old = redis.call('GET', KEYS[1])
local isRead, known = pcall(cjson.decode, old or '{}')
if not isRead or not (known.state == 'scheduled' or known.state == 'pending' and known.error) then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[1])
redis.pcall('PUBLISH', '${endedChannel}', ARGV[2])
return 1`;
/** Records of one script. Redis does nothing else while it runs: about 2 ms. */
const putMax = 1000;
const readMax = 500;
/** The latest seconds whose sets have an expiry already. */
const secondsKnownMax = 64;
/** Too short to be the id of a job. */
const probeId = 'probe';
const probeSeconds = 1;

/** The second in which a job's id was made. Undefined: this program did not make the id. */
function secondOf(jid: string): number | undefined {
  const timeMs = jidTimeMs(jid);
  return timeMs === undefined ? undefined : Math.floor(timeMs / 1000);
}

function bySecond(jids: readonly string[]): [second: number, jids: string[]][] {
  const groups = new Map<number, string[]>();
  for (const jid of jids) {
    const second = secondOf(jid);
    if (second === undefined) continue;
    const group = groups.get(second);
    if (group) group.push(jid);
    else groups.set(second, [jid]);
  }
  return [...groups];
}

export function createRedisRecords({ redis, ttlSeconds, publishing }: RedisRecordsOptions): RedisRecords {
  const expiring = new Set<number>();

  async function addToSecond(second: number, jids: readonly string[]): Promise<void> {
    const adding = redis.sadd(idsKey(second), ...jids);
    await (expiring.has(second) ? adding : Promise.all([adding, redis.expire(idsKey(second), ttlSeconds)]));
    expiring.add(second);
    if (expiring.size > secondsKnownMax) expiring.delete(expiring.values().next().value as number);
  }

  async function putEnded(jids: string[], values: string[], seconds: number): Promise<void> {
    const keys = jids.map(resultKey);
    const refusal = (await redis.eval(putScript, keys.length, ...keys, seconds, jids.join(','), ...values)) as
      string | null;
    if (refusal === null) publishing.ended();
    else publishing.began(new Error(refusal));
  }

  /** Each record with its own time to live. */
  function evaluateEach(script: string, records: readonly JobRecord[]): Promise<unknown> {
    const keys = records.map(({ job_id }) => resultKey(job_id));
    const seconds = (record: JobRecord): number => Math.ceil(keptMs(record, ttlSeconds * 1000, Date.now()) / 1000);
    const values = records.flatMap((record) => [seconds(record), JSON.stringify(record)]);
    return redis.eval(script, keys.length, ...keys, ...values);
  }

  async function putGroup(records: readonly JobRecord[]): Promise<void> {
    const ended = records.filter(isEnded);
    const jids = ended.map(({ job_id }) => job_id);
    if (ended.length > 0) await putEnded(jids, ended.map(jsonOf), ttlSeconds);
    const news = records.filter((record) => !isEnded(record));
    if (news.length > 0) await evaluateEach(newsScript, news);
  }

  return {
    async find(jid) {
      const second = secondOf(jid);
      const [record, isKnown] = await Promise.all([
        redis.get(resultKey(jid)),
        second === undefined ? 0 : redis.sismember(idsKey(second), jid),
      ]);
      return { record: record === null ? undefined : (JSON.parse(record) as JobRecord), isKnown: isKnown === 1 };
    },
    async findEnded(jids, take) {
      for (let start = 0; start < jids.length; start += readMax) {
        for (const text of await redis.mget(jids.slice(start, start + readMax).map(resultKey))) {
          const record = text === null ? undefined : (JSON.parse(text) as JobRecord);
          if (record && isEnded(record)) take(record);
        }
      }
    },
    async put(records) {
      for (let start = 0; start < records.length; start += putMax) await putGroup(records.slice(start, start + putMax));
    },
    remember: (records) => evaluateEach(rememberScript, records),
    addIds: (jids) => Promise.all(bySecond(jids).map(([second, group]) => addToSecond(second, group))),
    async cancel(record) {
      const { job_id: jid } = record;
      return (await redis.eval(cancelScript, 1, resultKey(jid), ttlSeconds, jid, jsonOf(record))) === 1;
    },
    probe: () => putEnded([probeId], ['"state":"pending"'], probeSeconds),
  };
}

const jsonOf = (record: JobRecord): string => JSON.stringify(record);
