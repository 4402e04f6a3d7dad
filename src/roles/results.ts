// The result store of a process that is not the all-in-one: Redis, or none.
import type { ResultStore } from '../domain/results.ts';
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
