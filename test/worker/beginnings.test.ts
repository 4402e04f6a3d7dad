// Jobs that were scheduled, or failed before, may have been cancelled: they begin in the result store before they run.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/domain/clock.ts';
import type { JobRecord } from '../../src/domain/results.ts';
import { createBeginnings } from '../../src/worker/beginnings.ts';
import { createNotBegunEnd } from '../../src/worker/ended-run.ts';
import { connectFwp } from '../broker/fwp-client.ts';
import { startBroker } from '../helpers/broker.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';
import { createRecordingResults } from '../http/recording-results.ts';
import { createHeldResults, job, startFetchScript, startWorker } from './worker-harness.ts';

const jidOf = (text: string): string => (JSON.parse(text) as { jid: string }).jid;
const at = '2030-01-01T00:00:00.000Z';
const waited: Readonly<Record<string, Record<string, unknown>>> = {
  'was scheduled': { at },
  'failed before': { failure: { retry_count: 0 } },
};
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

describe('a job that has waited', () => {
  for (const [title, fields] of Object.entries(waited)) {
    it(`is acknowledged and not run when it was cancelled: it ${title}`, async (t) => {
      const broker = await startFetchScript(t);
      const results = createRecordingResults();
      const outcomes: string[] = [];
      const text = job(fields);
      const record: JobRecord = { job_id: jidOf(text), state: 'cancelled' };
      await results.put([record]);
      broker.enqueue([text]);
      const worker = startWorker(t, broker.port, { results, onJob: (_, outcome) => void outcomes.push(outcome) });
      assert.deepEqual(await broker.reported('ACK', 1), [jidOf(text)]);
      assert.deepEqual(await results.get(jidOf(text)), record);
      assert.deepEqual(outcomes, ['cancelled']);
      assert.equal(worker.stats.succeeded, 0);
    });

    it(`has begun before it runs, so that nobody cancels it any more: it ${title}`, async (t) => {
      const broker = await startFetchScript(t);
      const results = createHeldResults();
      const text = job({ custom: { request_id: 'r-1' }, ...fields });
      broker.enqueue([text]);
      startWorker(t, broker.port, { results });
      await broker.reported('ACK', 1);
      const [begun, ended] = results.puts.flat();
      const { started_at, ...known } = begun as JobRecord;
      assert.ok(Math.abs(Date.parse(started_at ?? '') - Date.now()) < 10_000);
      const attempts = 'failure' in fields ? 2 : 1;
      const about = { request_id: 'r-1', ...('at' in fields && { at }), attempts };
      assert.deepEqual(known, { job_id: jidOf(text), state: 'pending', operation: 'add', ...about });
      assert.deepEqual([ended?.state, ended?.at], ['succeeded', 'at' in fields ? at : undefined]);
    });
  }

  it('costs others no look at the store', async (t) => {
    const broker = await startFetchScript(t);
    const results = createHeldResults();
    broker.enqueue([job(), job({ failure: null })]);
    startWorker(t, broker.port, { results });
    await broker.reported('ACK', 2);
    assert.deepEqual(
      results.puts.flat().map(({ state }) => state),
      ['succeeded', 'succeeded'],
    );
  });

  it('goes back to the broker when the worker ends before the store has answered', async (t) => {
    const broker = await startFetchScript(t);
    const results = createHeldResults();
    const text = job({ at });
    let onAsked: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (onAsked = resolve));
    results.onPut = () => {
      onAsked();
      return new Promise(() => undefined);
    };
    broker.enqueue([text]);
    const worker = startWorker(t, broker.port, { results, clock: systemClock, concurrency: 1 });
    await asked;
    await Promise.all([worker.stop(1000), broker.reported('FAIL', 1)]);
    assert.equal(worker.stats.succeeded, 0);
  });
});

it('a job that could not begin is in its queue of the embedded broker again, without a failure', async (t) => {
  const broker = await startBroker(t);
  const client = await connectFwp(t, { port: broker.port });
  const results = createHeldResults();
  const asked = new Promise<void>((resolve) => {
    results.onPut = () => {
      resolve();
      return new Promise(() => undefined);
    };
  });
  const worker = startWorker(t, broker.port, { results });
  await client.ask(`PUSHB [${job({ at: '2020-01-01T00:00:00.000Z' })}]`);
  await asked;
  await worker.stop(1000);
  const { faktory } = (await client.askJson('INFO')) as {
    faktory: { total_enqueued: number; total_failures: number };
  };
  assert.deepEqual([faktory.total_enqueued, faktory.total_failures], [1, 0]);
});

describe('beginnings', () => {
  const waitedJob = { jid: 'job-12345', jobtype: 'math_add', at };

  it('that were given up leave the job with a broker that takes it back, and cost an attempt on Faktory', () => {
    const lastAttempt = { ...waitedJob, retry: 0 };
    const back = createNotBegunEnd(lastAttempt, 'add', true);
    assert.deepEqual([back.outcome, back.failure?.give_back], ['requeued', true]);
    const failed = createNotBegunEnd(lastAttempt, 'add', false);
    assert.deepEqual([failed.outcome, failed.failure?.errtype, failed.record], ['failed', 'NotBegun', undefined]);
  });

  it('are asked again for 15 s while the store does not answer, then given up', async () => {
    const clock = createFakeClock();
    const results = createHeldResults();
    results.onPut = () => Promise.reject(new Error('store is down'));
    const beginnings = createBeginnings({ results, clock, log });
    const ends: string[] = [];
    beginnings.add({
      job: waitedJob,
      operation: 'add',
      onBegun: () => void ends.push('begun'),
      onCancelled: () => void ends.push('cancelled'),
      onGivenUp: () => void ends.push('given up'),
    });
    beginnings.flush();
    // The store replies between the clock's steps.
    const advance = async (steps: number): Promise<void> => {
      for (let step = 0; step < steps; step++) {
        await new Promise((resolve) => setImmediate(resolve));
        clock.advance(500);
      }
      await new Promise((resolve) => setImmediate(resolve));
    };
    await advance(29);
    assert.deepEqual([ends, beginnings.size], [[], 1]);
    await advance(1);
    assert.deepEqual([ends, beginnings.size], [['given up'], 0]);
    assert.equal(results.puts.length, 31);
  });
});
