// The schedules of the API process.
import { createCron, type Cron } from '../cron/cron.ts';
import type { WallClock } from '../domain/clock.ts';
import type { TickStore } from '../domain/cron.ts';
import { hasSchedules, type JobRegistry } from '../domain/job-type.ts';
import type { KeyStore } from '../domain/keys.ts';
import type { JobProducer } from '../domain/producer.ts';
import { createJobMaker } from '../http/entries/entry.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { RoleError, type RoleContext } from './role.ts';

export interface CronParts {
  registry: JobRegistry;
  ticks: TickStore | undefined;
  metrics: Metrics;
  keys: KeyStore | undefined;
  producer: JobProducer;
  clock: WallClock;
}

/** Undefined: no type has a schedule. */
export function openCron(
  { config, log }: Pick<RoleContext, 'config' | 'log'>,
  { registry, keys, ticks, metrics, producer, clock }: CronParts,
): Cron | undefined {
  if (!hasSchedules(registry)) return undefined;
  const { types } = registry;
  if (keys === undefined || ticks === undefined) {
    const names = types.filter(({ schedules = [] }) => schedules.length > 0).map(({ name }) => name);
    throw new RoleError(
      `job types with cron (${names.join(', ')}) need a store that all API processes share: without one each would enqueue ` +
        'every tick. Set KEYS_URL, or RESULTS_URL, to a Redis',
    );
  }
  const { make } = createJobMaker({ payloadCompressBytes: config.PAYLOAD_COMPRESS_BYTES });
  const enqueueTimeoutMs = config.ENQUEUE_TIMEOUT_MS;
  return createCron({ types, keys, ticks, producer, makeJob: make, clock, enqueueTimeoutMs, metrics, log });
}
