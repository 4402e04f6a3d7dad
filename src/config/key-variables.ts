// The variables of idempotency keys.
import { integer, redisUrl, type Variable } from './values.ts';

export const keyVariables = {
  KEYS_URL: {
    schema: redisUrl,
    unit: 'URL',
    secret: true,
    reason:
      'The Redis, of all API processes and workers, that keeps idempotency keys. It must not evict (maxmemory-policy noeviction). Default: RESULTS_URL; the all-in-one process keeps its own.',
  },
  IDEMPOTENCY_TTL_SECONDS: {
    schema: integer(120, 31_536_000),
    default: '86400',
    unit: 's',
    reason: 'How long an Idempotency-Key, or the key of an entry, and its response are kept.',
  },
} as const satisfies Record<string, Variable>;
