// How long a store that is away is asked, and what is done then; and how much of many jobs is logged.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Told } from '../../src/domain/job-source.ts';
import type { JobRecord } from '../../src/domain/results.ts';
import { createJobLog, linesPerWindowMax } from '../../src/worker/job-log.ts';
import { createRecorder } from '../../src/worker/recorder.ts';
import type { EndedRun } from '../../src/worker/ended-run.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';
import { createHeldResults } from './worker-harness.ts';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

const end = (jid: string): EndedRun => ({
  jid,
  failEffect: 'retried',
  operation: 'add',
  outcome: 'succeeded',
  record: { job_id: jid, state: 'succeeded', operation: 'add', a: 1, b: 2, result: 3 },
  failure: undefined,
  lock: undefined,
  logged: { a: 1, b: 2, result: 3 },
});

const acked = (one: EndedRun): Told<EndedRun> => ({ end: one, failure: undefined, isKnown: true });

/** Lets promises that are settled already call whom they have to. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the recorder', () => {
  it('gives jobs back after 15 s, and takes new ones only when the store answers', async () => {
    const clock = createFakeClock();
    const results = createHeldResults();
    const events: string[] = [];
    results.onPut = () => Promise.reject(new Error('away'));
    results.check = () => Promise.reject(new Error('away'));
    const recorder = createRecorder({
      results,
      clock,
      log,
      onStored: (ends) => events.push(`stored ${ends.length}`),
      onGivenUp: (ends) => events.push(`gave up ${ends.length}`),
      onUp: () => events.push('up'),
    });
    recorder.add(end('job-0001'));
    recorder.add(end('job-0002'));
    recorder.flush();
    for (let second = 0; second < 14; second++) {
      await settled();
      clock.advance(1000);
    }
    await settled();
    assert.deepEqual(events, []);
    assert.ok(results.puts.length > 5 && results.puts.length < 20, `${results.puts.length} tries`);
    for (let second = 0; second < 3; second++) {
      clock.advance(1000);
      await settled();
    }
    assert.deepEqual(events, ['gave up 2']);
    assert.equal(recorder.isUp, false);
    assert.equal(recorder.size, 0);
    results.check = () => Promise.resolve();
    clock.advance(2000);
    await settled();
    assert.deepEqual(events, ['gave up 2', 'up']);
    assert.equal(recorder.isUp, true);
  });

  it('hands over what is not stored, and stores it no more', async () => {
    const clock = createFakeClock();
    const results = createHeldResults();
    const stored: string[] = [];
    results.onPut = () => Promise.reject(new Error('away'));
    const recorder = createRecorder({
      results,
      clock,
      log,
      onStored: (ends) => stored.push(...ends.map(({ jid }) => jid)),
      onGivenUp: () => assert.fail('nothing was given up'),
      onUp: () => undefined,
    });
    recorder.add(end('job-0001'));
    recorder.flush();
    await settled();
    recorder.add(end('job-0002'));
    assert.deepEqual(
      recorder.takeAll().map(({ jid }) => jid),
      ['job-0001', 'job-0002'],
    );
    results.onPut = () => Promise.resolve();
    clock.advance(60_000);
    await settled();
    assert.deepEqual(stored, []);
    assert.equal(clock.pendingTimers, 0);
  });

  it('does not go on with what was under way when it handed that over', async () => {
    const clock = createFakeClock();
    const results = createHeldResults();
    let reject: (error: Error) => void = () => undefined;
    results.onPut = () => new Promise((_, rejectPut) => (reject = rejectPut));
    const recorder = createRecorder({
      results,
      clock,
      log,
      onStored: () => assert.fail('it was handed over'),
      onGivenUp: () => assert.fail('it was handed over'),
      onUp: () => undefined,
    });
    recorder.add(end('job-0001'));
    recorder.flush();
    assert.equal(recorder.takeAll().length, 1);
    reject(new Error('away'));
    await settled();
    assert.equal(clock.pendingTimers, 0);
  });
});

describe('the recorder at its start', () => {
  it('is up only when the store has taken a write, whatever it reads; says so once', async () => {
    const clock = createFakeClock();
    const results = createHeldResults();
    const lines: unknown[] = [];
    let ups = 0;
    let checks = 0;
    results.check = () => (checks++, Promise.reject(new Error('READONLY')));
    const recorder = createRecorder({
      results,
      clock,
      log: { ...log, error: (fields: unknown) => lines.push(fields), info: (text: unknown) => lines.push(text) },
      onStored: () => undefined,
      onGivenUp: () => undefined,
      onUp: () => ups++,
    });
    recorder.start();
    for (let second = 0; second < 60; second++) {
      await settled();
      clock.advance(1000);
    }
    assert.deepEqual([recorder.isUp, ups], [false, 0]);
    assert.ok(checks > 20 && checks < 40, `${checks} checks in 60 s`);
    await settled();
    results.check = () => Promise.resolve();
    clock.advance(2000);
    await settled();
    assert.deepEqual([recorder.isUp, ups], [true, 1]);
    assert.deepEqual(lines, [{ error: 'READONLY' }, 'the result store takes results again']);
  });
});

describe('the job log', () => {
  it('has one line with the result per job, and counts those beyond 100 in a second', () => {
    const clock = createFakeClock();
    const lines: [Record<string, unknown>, string][] = [];
    const write = (fields: unknown, message?: string): void => {
      lines.push([fields as Record<string, unknown>, message ?? '']);
    };
    const jobLog = createJobLog({ ...log, info: write }, clock);
    for (let job = 0; job < linesPerWindowMax + 150; job++) jobLog.write(acked(end(`job-${job}`)));
    assert.equal(lines.length, linesPerWindowMax);
    const [fields, message] = lines[0] as [Record<string, unknown>, string];
    assert.equal(message, 'job succeeded');
    assert.deepEqual([fields['jid'], fields['operation'], fields['result']], ['job-0', 'add', 3]);
    clock.advance(1000);
    assert.deepEqual(lines.at(-1)?.[0], { failed: 0, succeeded: 150 });
    jobLog.write(acked(end('job-next')));
    assert.equal(lines.at(-1)?.[0]['jid'], 'job-next');
    assert.equal(clock.pendingTimers, 0);
  });

  it('has room for failed jobs, however many succeed', () => {
    const messages: string[] = [];
    const write = (_fields: unknown, message?: string): void => void messages.push(message ?? '');
    const jobLog = createJobLog({ ...log, info: write }, createFakeClock());
    for (let job = 0; job < linesPerWindowMax + 1; job++) jobLog.write(acked(end(`job-${job}`)));
    const failed = end('job-failed');
    const record = { ...failed.record, error: 'b must not be zero' } as JobRecord;
    jobLog.write(acked({ ...failed, outcome: 'failed', record }));
    assert.equal(messages.at(-1), 'job failed');
    jobLog.flush();
  });
});
