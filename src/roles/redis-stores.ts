// Opens the stores of a process that is not the all-in-one: results, idempotency keys and ticks, each in a Redis. Undefined: its
// URL is not set.
import { underWayMarginMs, type KeyStore } from '../domain/keys.ts';
import type { TickStore } from '../domain/cron.ts';
import type { ResultStore } from '../domain/results.ts';
import { createRedisKeys } from '../keys/redis-keys.ts';
import { createRedisTicks } from '../keys/redis-ticks.ts';
import { createRedisResults } from '../results/redis.ts';
import { RoleError, type RoleContext } from './role.ts';

const requiredAndUnset = 'RESULTS_REQUIRED is on, and there is no store of results: set RESULTS_URL';

export function openRedisResults({ config, log }: RoleContext): ResultStore | undefined {
  if (config.RESULTS_URL === undefined) {
    if (config.RESULTS_REQUIRED && config.FAKTORY_URL) throw new RoleError(requiredAndUnset);
    return undefined;
  }
  return createRedisResults({ url: config.RESULTS_URL, ttlSeconds: config.RESULT_TTL_SECONDS, log });
}

const keysUrlOf = ({ KEYS_URL, RESULTS_URL }: RoleContext['config']): string | undefined => KEYS_URL ?? RESULTS_URL;

export function openRedisKeys({ config, log }: RoleContext): KeyStore | undefined {
  const url = keysUrlOf(config);
  if (url === undefined) return undefined;
  return createRedisKeys({
    url,
    ttlSeconds: config.IDEMPOTENCY_TTL_SECONDS,
    underWayMsMax: config.ENQUEUE_TIMEOUT_MS + underWayMarginMs,
    log,
  });
}

/** The store of the last ticks of schedules. */
export function openRedisTicks({ config, log }: RoleContext): TickStore | undefined {
  const url = keysUrlOf(config);
  return url === undefined ? undefined : createRedisTicks(url, log);
}
