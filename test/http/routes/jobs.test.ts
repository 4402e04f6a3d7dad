// POST /jobs/{operation} against every outcome that a producer can tell. What needs no fault is in contract/http.ts.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../src/domain/clock.ts';
import { operationNames } from '../../helpers/jobs.ts';
import { refused, unknown, type RefusalCode } from '../../../src/domain/producer.ts';
import { build } from '../../helpers/app.ts';

const body = { a: 1, b: 2 };

describe('POST /jobs/{operation}', () => {
  it('pushes exactly the job that it answers with', async (t) => {
    const { post, producer } = build(t);
    const response = await post('/jobs/multiply', { ...body, request_id: 'r', color: 'red' });
    const [job] = producer.jobs;
    assert.equal(response.json().job_id, job?.jid);
    assert.deepEqual(JSON.parse(job?.encoded ?? ''), {
      jid: job?.jid,
      jobtype: 'math_multiply',
      args: [{ a: 1, b: 2, request_id: 'r' }],
      reserve_for: 60,
      retry: 25,
    });
  });

  it('gives the producer the enqueue timeout, counted from the end of the body', async (t) => {
    const clock = { ...systemClock, now: () => 1_000_000 };
    const { post, producer } = build(t, { clock, enqueueTimeoutMs: 1234 });
    await post('/jobs/add', body);
    assert.equal(producer.calls[0]?.deadlineMs, 1_001_234);
  });

  it('answers only after the outcome is known', async (t) => {
    const { post, producer } = build(t);
    producer.decide(() => 'hang');
    const response = post('/jobs/add', body);
    const first = await Promise.race([response, new Promise((resolve) => setImmediate(resolve, 'nothing yet'))]);
    assert.equal(first, 'nothing yet');
  });

  const refusals: [RefusalCode, string][] = [
    ['broker_refused', 'broker_unavailable'],
    ['broker_unavailable', 'broker_unavailable'],
    ['overloaded', 'overloaded'],
    ['shutting_down', 'shutting_down'],
  ];
  for (const [refusal, code] of refusals) {
    it(`answers 503 ${code}, not enqueued, with Retry-After when the outcome is ${refusal}`, async (t) => {
      const { post, producer } = build(t);
      producer.decide(() => refused(refusal, 'some reason'));
      const response = await post('/jobs/add', body);
      const { outcome, error, ...rest } = response.json();
      assert.deepEqual([response.statusCode, rest.code, outcome, error], [503, code, 'not_enqueued', 'some reason']);
      assert.match(String(response.headers['retry-after']), /^[12]$/);
      assert.equal(response.headers.connection, refusal === 'shutting_down' ? 'close' : 'keep-alive');
      assert.equal('job_ids' in rest, false);
    });
  }

  it('answers 504 with the id and without Retry-After when the outcome is unknown', async (t) => {
    const { post, producer } = build(t);
    producer.decide(() => unknown('connection lost'));
    const response = await post('/jobs/add', body);
    const problem = response.json();
    assert.deepEqual([response.statusCode, problem.code, problem.outcome], [504, 'outcome_unknown', 'unknown']);
    assert.deepEqual(problem.job_ids, [producer.jobs[0]?.jid]);
    assert.equal(response.headers['retry-after'], undefined);
  });

  it('cuts and cleans what the broker said', async (t) => {
    const { post, producer } = build(t);
    producer.decide(() => refused('broker_refused', `ERR \u001b[31m\r\n${'x'.repeat(200)}`));
    const { detail } = (await post('/jobs/add', body)).json();
    assert.equal(detail.length, 80);
    assert.match(detail, /^ERR {2}\[31m {2}x+…$/);
  });

  it('keeps the text of a bug inside, says that the outcome is unknown, and logs it under the instance', async (t) => {
    const { post, producer, log } = build(t);
    producer.breakWith(new Error('secret words'));
    const response = await post('/jobs/add', body);
    const problem = response.json();
    assert.deepEqual([response.statusCode, problem.code, problem.outcome], [500, 'internal', 'unknown']);
    assert.doesNotMatch(response.payload, /secret words|\.ts|at /);
    const line = log.find(({ msg }) => msg === 'request failed by a bug');
    assert.equal(line?.['request_id'], problem.instance);
    assert.match(JSON.stringify(line), /secret words/);
  });

  it('never gives a bad body to the producer, and counts it', async (t) => {
    const { post, get, producer } = build(t);
    for (const operation of operationNames) await post(`/jobs/${operation}`, { a: 1, b: 'x' });
    assert.equal(producer.calls.length, 0);
    const { payload } = await get('/metrics');
    for (const operation of operationNames) {
      assert.match(
        payload,
        new RegExp(`work_factory_jobs_total\\{operation="${operation}",queue="none",outcome="rejected"\\} 1`),
      );
    }
  });

  it('lists at most 20 violations', async (t) => {
    const { post } = build(t);
    const { violations, violations_total: total, error } = (await post('/jobs/add', { request_id: 5 })).json();
    assert.equal(total, violations.length);
    assert.deepEqual(violations, [
      { pointer: '/a', message: 'must be a finite number' },
      { pointer: '/b', message: 'must be a finite number' },
      { pointer: '/request_id', message: 'must be a string or null' },
    ]);
    assert.equal(error.length, 80);
  });

  it('counts what became of each job', async (t) => {
    const { post, get, producer } = build(t);
    await post('/jobs/add', body);
    producer.decide(() => refused('overloaded', 'full'));
    await post('/jobs/add', body);
    producer.decide(() => unknown('connection lost'));
    await post('/jobs/add', body);
    const { payload } = await get('/metrics');
    for (const outcome of ['enqueued', 'refused', 'unknown'])
      assert.ok(
        payload.includes(`work_factory_jobs_total{operation="add",queue="default",outcome="${outcome}"} 1\n`),
        outcome,
      );
  });

  it('logs a request at debug only, by its route', async (t) => {
    const quiet = build(t);
    await quiet.post('/jobs/add', body);
    assert.deepEqual(quiet.log, []);
    const loud = build(t, { logLevel: 'debug' });
    await loud.post('/jobs/add?key=value', body);
    assert.deepEqual(
      loud.log.map(({ msg, method, route, status }) => ({ msg, method, route, status })),
      [{ msg: 'request answered', method: 'POST', route: '/jobs/add', status: 202 }],
    );
  });
});
