// Stores that are measured: one line when they stop answering, one when they answer again, and a figure for each call.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { systemClock } from '../../src/domain/clock.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { measureKeys, measureResults } from '../../src/roles/measured-stores.ts';
import { watchStores } from '../../src/roles/watch-stores.ts';
import { openKeys } from '../helpers/key-store.ts';
import { createRecordingResults } from '../http/recording-results.ts';

function lines() {
  const said: unknown[] = [];
  const log = pino(
    { base: null },
    { write: (line: string) => void said.push((JSON.parse(line) as { msg: string }).msg) },
  );
  return { log, said };
}

describe('measured stores', () => {
  it('of results say once that they do not answer, and count calls by outcome', async () => {
    const { log, said } = lines();
    const metrics = createMetrics('1');
    const store = createRecordingResults();
    const results = measureResults(store, metrics, systemClock, log);
    assert.equal(results.isUp, undefined);
    await results.get('12345678');
    assert.equal(results.isUp, true);
    store.breakWith(new Error('away'));
    for (let tries = 0; tries < 3; tries++) await assert.rejects(results.get('12345678'), /away/);
    assert.equal(results.isUp, false);
    assert.deepEqual(said, ['the store of results does not answer']);
    const page = await metrics.render();
    const count = 'work_factory_results_call_duration_seconds_count{operation="get",outcome=';
    assert.ok(page.includes(`${count}"ok"} 1\n`) && page.includes(`${count}"failed"} 3\n`));
  });

  it('that have failed are asked again for the page of metrics, so that the next one tells that they are back', async () => {
    const { log } = lines();
    const metrics = createMetrics('1');
    const store = createRecordingResults();
    const results = measureResults(store, metrics, systemClock, log);
    let looks = 0;
    watchStores(metrics, { results, keys: undefined }, () => (looks++, results.check()));
    const upOf = async (): Promise<string | undefined> =>
      /^work_factory_store_up\{store="results"\} (.*)$/m.exec(await metrics.render())?.[1];
    store.breakWith(new Error('away'));
    await assert.rejects(results.get('12345678'), /away/);
    store.breakWith(undefined);
    assert.equal(await upOf(), '0');
    assert.equal(await upOf(), '1');
    assert.equal(await upOf(), '1');
    assert.equal(looks, 1);
  });

  it('of keys say once that they take none, and once that they do again', async (t) => {
    const { log, said } = lines();
    const store = await openKeys(t);
    let isAway = true;
    const check = (): Promise<void> => (isAway ? Promise.reject(new Error('away')) : store.check());
    const keys = measureKeys({ ...store, check }, log);
    await assert.rejects(keys.check());
    await assert.rejects(keys.check());
    isAway = false;
    await keys.check();
    assert.equal(keys.isUp, true);
    assert.deepEqual(said, ['the store of keys takes no keys', 'the store of keys takes keys again']);
  });
});
