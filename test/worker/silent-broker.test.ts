// When a worker says that its broker replies to no FETCH.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/domain/clock.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { watchWorkers } from '../../src/roles/worker-metrics.ts';
import { createStallingClock } from '../helpers/fake-clock.ts';
import { until } from '../helpers/until.ts';
import { createHeldResults, job, nil, startFetchScript, startWorker } from './worker-harness.ts';

describe('a worker whose broker replies to BEAT and to no FETCH', () => {
  it('says so, with the figure of its metrics, until a FETCH is answered', async (t) => {
    const clock = createStallingClock();
    const beats = (): number => broker.lines.filter((line) => line.startsWith('BEAT')).length;
    const broker = await startFetchScript(t);
    const worker = startWorker(t, broker.port, { clock, concurrency: 1, readTimeoutMs: 60_000 });
    await broker.until(() => broker.held.length === 1 && beats() === 1);
    await until('a problem, and a second BEAT', () => {
      clock.advance(15_000);
      return worker.brokerProblem !== undefined && beats() > 1;
    });
    await until('a problem that names BEAT', () => /BEAT/.test(String(worker.brokerProblem)));
    assert.match(String(worker.brokerProblem), /it replies to BEAT, but no FETCH for \d+ s: its Redis hangs\?$/);
    assert.equal(worker.source.clients.fetch.downReason, undefined);
    const metrics = createMetrics('1');
    watchWorkers(metrics).addSource(worker.source);
    const ups = (await metrics.render()).match(/^work_factory_faktory_up.*$/gm);
    assert.deepEqual(ups?.map((line) => line.replace('work_factory_faktory_up', '')).sort(), [
      '{role="beat"} 1',
      '{role="fetch"} 0',
      '{role="report"} 0',
    ]);
    broker.replyToFetch(nil);
    await until('no problem', () => worker.brokerProblem === undefined);
    const stopped = worker.stop(200);
    await until('no connection', () => (clock.advance(50), broker.openCount === 0));
    await stopped;
  });

  it('has none while its store of results is away: it asks for no job', async (t) => {
    const broker = await startFetchScript(t);
    let refusePut: () => void = () => undefined;
    const put = (): Promise<void> =>
      new Promise((_, reject) => (refusePut = () => reject(new Error('the store is away'))));
    const results = { ...createHeldResults(), put };
    const clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
    let aheadMs = 0;
    const worker = startWorker(t, broker.port, { clock, concurrency: 1, results });
    broker.enqueue([job()]);
    await until('one put and one FETCH', () => worker.stats.storing === 1 && broker.held.length === 1);
    broker.replyToFetch('-ERR i/o timeout\r\n');
    await until('no FETCH', () => worker.stats.fetching === 0);
    aheadMs = 14_000;
    refusePut();
    await until('no result is taken', () => !worker.takesResults);
    // The pause after an error is over: the worker would fetch again.
    await delay(1100);
    aheadMs = 60_000;
    assert.equal(worker.brokerProblem, undefined);
    assert.equal(broker.held.length, 0);
  });
});
