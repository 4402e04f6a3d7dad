// The last ticks of schedules, in the Redis of keys: one record each, without a time to live.
import { systemClock } from '../domain/clock.ts';
import type { LastTick, TickStore } from '../domain/cron.ts';
import { Outbox } from '../results/outbox.ts';
import { createOutageLog, closeRedis, openRedis, type RedisLog } from '../results/redis-connection.ts';

/** The rule is that of `replaces` in src/domain/cron.ts: processes store their ticks in any order. */
const keepScript = `
for i, key in ipairs(KEYS) do
  local found = redis.call('GET', key)
  local kept = found and cjson.decode(found)
  local tick = cjson.decode(ARGV[i])
  if not kept or tick.atMs > kept.atMs
    or (tick.atMs == kept.atMs and tick.outcome == 'enqueued' and kept.outcome ~= 'enqueued') then
    redis.call('SET', key, ARGV[i])
  end
end`;

/** Each schedule has an unsent tick at most. */
const unsentMax = 10_000;

const keyOf = (name: string): string => `work-factory:tick:${name}`;

interface Told {
  name: string;
  tick: LastTick;
}

/** @param url `redis://` or `rediss://` */
export function createRedisTicks(url: string, log: RedisLog): TickStore {
  const redis = openRedis('ticks', url, log);
  const unsent = new Outbox<Told>({
    send: (told) =>
      redis.eval(
        keepScript,
        told.length,
        ...told.map(({ name }) => keyOf(name)),
        ...told.map(({ tick }) => JSON.stringify(tick)),
      ),
    nameOf: ({ name }) => name,
    itemsMax: unsentMax,
    redis,
    outage: createOutageLog(
      log,
      'the store of keys did not take some ticks: they are sent again',
      'the store of keys has taken all ticks',
    ),
    clock: systemClock,
  });
  return {
    async last(names) {
      if (names.length === 0) return [];
      const found = await redis.mget(names.map(keyOf));
      return found.map((text) => (text === null ? undefined : (JSON.parse(text) as LastTick)));
    },
    keep: (name, tick) => unsent.send([{ name, tick }]),
    async close() {
      unsent.close();
      await closeRedis(redis);
    },
  };
}
