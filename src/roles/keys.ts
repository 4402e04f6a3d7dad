// The store of keys of a process that is not the all-in-one: Redis, or none.
import { underWayMarginMs, type KeyStore } from '../domain/keys.ts';
import { createRedisKeys } from '../keys/redis-keys.ts';
import type { RoleContext } from './role.ts';

export function openRedisKeys({ config, log }: RoleContext): KeyStore | undefined {
  const url = config.KEYS_URL ?? config.RESULTS_URL;
  if (url === undefined) return undefined;
  return createRedisKeys({
    url,
    ttlSeconds: config.IDEMPOTENCY_TTL_SECONDS,
    underWayMsMax: config.ENQUEUE_TIMEOUT_MS + underWayMarginMs,
    log,
  });
}
