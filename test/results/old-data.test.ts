// Data that revision 9051b71 wrote, before there were other states than pending, succeeded and failed (old-data/make.sh).
import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';
import type { JobRecord, ResultStore } from '../../src/domain/results.ts';
import { createEmbeddedResults } from '../../src/results/embedded.ts';
import { createRedisResults } from '../../src/results/redis.ts';
import { redisServerPath } from '../helpers/real-parts.ts';
import { startRedis } from '../helpers/redis.ts';
import { pathOf } from '../helpers/paths.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const oldData = pathOf('test/results/old-data');
/** When it was written, by the clock that the store was given. */
const writtenMs = Date.parse('2026-01-02T03:04:05.000Z');

const stamp = writtenMs.toString(16).padStart(12, '0');
const jidOf = (number: number): string => `${stamp.slice(0, 8)}-${stamp.slice(8)}-7000-8000-00000000000${number}`;

const added = { operation: 'add', a: 1, b: 2, request_id: 'order "7"' };
const finished_at = '2026-01-02T03:04:05.000Z';
const divided = { operation: 'divide', a: 1, b: 0, error: 'b must not be zero' };
const records: readonly JobRecord[] = [
  { job_id: jidOf(1), state: 'succeeded', ...added, result: 3, attempts: 1, finished_at },
  { job_id: jidOf(2), state: 'failed', ...divided, attempts: 1, finished_at },
  { job_id: jidOf(3), state: 'pending', ...added, error: 'said "state":"succeeded"', attempts: 2 },
  { job_id: jidOf(4), state: 'pending' },
];

async function assertGoesOn(results: ResultStore): Promise<void> {
  for (const record of records) assert.deepEqual(await results.get(record.job_id), record);
  const retried = records[2] as JobRecord;
  await results.put([{ ...retried, attempts: 3 }]);
  assert.deepEqual(await results.get(retried.job_id), { ...retried, attempts: 3 });
  assert.equal(await results.cancel({ job_id: jidOf(3), state: 'cancelled' }), true);
  assert.equal(await results.cancel({ job_id: jidOf(2), state: 'cancelled' }), false);
  await results.put([{ job_id: jidOf(4), state: 'succeeded', result: [] }]);
  const states = await Promise.all(records.map(async ({ job_id }) => (await results.get(job_id))?.state));
  assert.deepEqual(states, ['succeeded', 'failed', 'cancelled', 'succeeded']);
}

describe('results that revision 9051b71 wrote', () => {
  it('are read and gone on with by the embedded store', async (t) => {
    const dataDir = temporaryFolder('results-');
    cpSync(join(oldData, 'embedded'), dataDir, { recursive: true });
    const now = (): number => writtenMs + 1000;
    const results = await createEmbeddedResults({ dataDir, ttlSeconds: 86_400, resultsMax: 1000, now });
    t.after(() => results.close());
    await assertGoesOn(results);
  });

  it('are read and gone on with by the Redis store', { skip: redisServerPath() === undefined }, async (t) => {
    const { url } = await startRedis(t);
    const redis = new Redis(url);
    t.after(() => redis.disconnect());
    const held = JSON.parse(readFileSync(join(oldData, 'redis.json'), 'utf8')) as Record<string, string | string[]>;
    for (const [key, value] of Object.entries(held))
      await (Array.isArray(value) ? redis.sadd(key, value) : redis.set(key, value));
    const log = { info: () => undefined, warn: () => undefined };
    const results = createRedisResults({ url, ttlSeconds: 60, log });
    t.after(() => results.close());
    await results.check();
    await assertGoesOn(results);
  });
});
