// Opens the store of idempotency keys and of ticks, a Redis, for processes without a broker; undefined without its URL.
import { underWayMarginMs, type KeyStore } from '../domain/keys.ts';
import type { TickStore } from '../domain/cron.ts';
import { createRedisKeys } from '../keys/redis-keys.ts';
import { createRedisTicks } from '../keys/redis-ticks.ts';
import type { RoleContext } from './role.ts';

const urlOf = ({ KEYS_URL, RESULTS_URL }: RoleContext['config']): string | undefined => KEYS_URL ?? RESULTS_URL;

export function openRedisKeys({ config, log }: RoleContext): KeyStore | undefined {
  const url = urlOf(config);
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
  const url = urlOf(config);
  return url === undefined ? undefined : createRedisTicks(url, log);
}
