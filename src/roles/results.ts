// The result store of a process that is not the all-in-one: Redis, or none.
import type { ResultStore } from '../domain/results.ts';
import { createRedisResults } from '../results/redis.ts';
import type { RoleContext } from './role.ts';

export function openRedisResults({ config, log }: RoleContext): ResultStore | undefined {
  if (config.RESULTS_URL === undefined) return undefined;
  return createRedisResults({ url: config.RESULTS_URL, ttlSeconds: config.RESULT_TTL_SECONDS, log });
}
