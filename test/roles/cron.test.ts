// Schedules need a store that all API processes share: without one the start is refused.
import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { pino } from 'pino';
import { loadConfig } from '../../src/config/load.ts';
import { systemClock } from '../../src/domain/clock.ts';
import { createRegistry } from '../../src/domain/job-type.ts';
import { builtInTypes } from '../../src/jobs/built-in.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { openCron, type CronParts } from '../../src/roles/cron.ts';
import { RoleError } from '../../src/roles/role.ts';
import { typeWith } from '../cron/scene.ts';
import { openKeys } from '../helpers/key-store.ts';
import { createRecordingProducer } from '../helpers/recording-producer.ts';

const context = { config: loadConfig({}), log: pino({ level: 'silent' }) };

async function partsOf(t: TestContext, cron: unknown): Promise<CronParts> {
  return {
    registry: createRegistry([...builtInTypes, typeWith(cron), typeWith(undefined, 'plain')]),
    keys: await openKeys(t),
    ticks: { last: async () => [undefined], keep: async () => undefined, close: async () => undefined },
    metrics: createMetrics('0.0.0'),
    producer: createRecordingProducer(),
    clock: systemClock,
  };
}

it('a type with a schedule is refused at start where nothing keeps keys', async (t) => {
  const parts = await partsOf(t, { schedule: '0 3 * * *' });
  for (const missing of [{ keys: undefined }, { ticks: undefined }])
    assert.throws(
      () => openCron(context, { ...parts, ...missing }),
      (error: unknown) =>
        error instanceof RoleError && /\(nightly\).*Set KEYS_URL, or RESULTS_URL/s.test(error.message),
    );
  const cron = openCron(context, parts);
  assert.deepEqual(
    (await cron?.list())?.map(({ name }) => name),
    ['nightly'],
  );
});

it('without a schedule nothing is needed', async (t) => {
  const parts = await partsOf(t, undefined);
  assert.equal(openCron(context, { ...parts, keys: undefined, ticks: undefined }), undefined);
});
