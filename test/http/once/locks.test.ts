// Unique jobs by their responses: duplicates alone, in batches, beside keys, and what makes jobs alike.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { enqueued, refused, unknown, type Outcome } from '../../../src/domain/producer.ts';
import { build, type BuiltApp } from '../../helpers/app.ts';
import { openKeys } from '../../helpers/key-store.ts';

const args = { a: 1, b: 2 };
const unique = (more: object = {}): object => ({ operation: 'add', args, unique_for: 60, ...more });

/** The recorded producer has no broker that stores locks: they are settled by themselves. */
const open = async (t: TestContext): Promise<BuiltApp> =>
  build(t, { keys: await openKeys(t), passthroughJobtypes: ['go.*'] });

describe('a unique job', () => {
  it('is enqueued once, and its duplicates are answered with its id', async (t) => {
    const { post, producer, get } = await open(t);
    const first = await post('/jobs', unique());
    assert.deepEqual([first.statusCode, first.json().duplicate], [202, undefined]);
    const second = await post('/jobs', unique());
    assert.equal(second.statusCode, 202);
    assert.deepEqual(second.json(), {
      job_id: first.json().job_id,
      message: 'Already enqueued, and not ended: add',
      duplicate: true,
    });
    assert.equal(producer.jobs.length, 1);
    assert.match(
      (await get('/metrics')).payload,
      /work_factory_jobs_total\{operation="add",queue="default",outcome="duplicate"\} 1/,
    );
  });

  it('carries the name of its lock, and keeps its custom fields', async (t) => {
    const { post, producer } = await open(t);
    await post('/jobs', unique({ custom: { tenant: 7 } }));
    const { custom } = JSON.parse(producer.jobs[0]?.encoded ?? '') as { custom: Record<string, unknown> };
    assert.match(String(custom['unique_key']), /^[A-Za-z0-9_-]{43}$/);
    assert.equal(custom['tenant'], 7);
  });

  const alike: readonly (readonly [string, object, object])[] = [
    ['another request_id', unique({ request_id: 'x' }), unique({ request_id: 'y' })],
    ['another order of names', unique({ args: { a: 1, b: 2 } }), unique({ args: { b: 2, a: 1 } })],
    ['a jobtype in place of the operation', unique(), { jobtype: 'math_add', args, unique_for: 5 }],
    ['other options', unique(), unique({ retry: 3, at: '2126-01-01T00:00:00Z', unique_for: 1 })],
    ['one unique_key', unique({ unique_key: 'k' }), { operation: 'divide', args, unique_for: 9, unique_key: 'k' }],
  ];
  for (const [what, one, other] of alike) {
    it(`is the same with ${what}`, async (t) => {
      const { post } = await open(t);
      const first = await post('/jobs', one);
      const second = await post('/jobs', other);
      assert.deepEqual([second.json().job_id, second.json().duplicate], [first.json().job_id, true]);
    });
  }

  const apart: readonly (readonly [string, object, object])[] = [
    ['other arguments', unique(), unique({ args: { a: 1, b: 3 } })],
    ['another type', unique(), unique({ operation: 'multiply' })],
    [
      'another queue',
      { jobtype: 'go.x', args: [], queue: 'q1', unique_for: 9 },
      { jobtype: 'go.x', args: [], queue: 'q2', unique_for: 9 },
    ],
    ['another unique_key', unique({ unique_key: 'k' }), unique({ unique_key: 'K' })],
    ['no unique_for', unique(), { operation: 'add', args }],
    [
      'a list that is nested otherwise',
      { jobtype: 'go.x', args: [[1], 2], queue: 'q', unique_for: 9 },
      { jobtype: 'go.x', args: [[1, 2]], queue: 'q', unique_for: 9 },
    ],
  ];
  for (const [what, one, other] of apart) {
    it(`is another one with ${what}`, async (t) => {
      const { post, producer } = await open(t);
      assert.equal((await post('/jobs', one)).statusCode, 202);
      assert.equal((await post('/jobs', other)).json().duplicate, undefined);
      assert.equal(producer.jobs.length, 2);
    });
  }

  it('is told that another one is on its way, and may come once that was refused', async (t) => {
    const { post, producer } = await open(t);
    let decide = (outcome: Outcome): void => void outcome;
    const held = new Promise<Outcome>((resolve) => (decide = resolve));
    t.mock.method(producer, 'push', async () => held);
    const first = post('/jobs', unique());
    while ((producer.push as unknown as { mock: { callCount(): number } }).mock.callCount() === 0)
      await new Promise((resolve) => setImmediate(resolve));
    const second = await post('/jobs', unique());
    assert.deepEqual([second.statusCode, second.json().code, second.json().outcome], [409, 'in_progress', 'unknown']);
    decide(refused('broker_unavailable', 'away'));
    assert.equal((await first).statusCode, 503);
    t.mock.restoreAll();
    assert.equal((await post('/jobs', unique())).statusCode, 202);
    assert.equal(producer.jobs.length, 1);
  });

  it('is enqueued once by 2, 10 and 100 callers at once', async (t) => {
    const { post, producer } = await open(t);
    for (const callers of [2, 10, 100]) {
      const before = producer.jobs.length;
      const sent = Array.from({ length: callers }, () => post('/jobs', unique({ unique_key: `k${callers}` })));
      const responses = await Promise.all(sent);
      assert.equal(producer.jobs.length - before, 1);
      assert.ok(responses.every(({ statusCode }) => statusCode === 202 || statusCode === 409));
    }
  });

  it('is refused whole without a store, and with one that is away', async (t) => {
    const { post, producer } = build(t);
    const response = await post('/jobs', unique());
    assert.deepEqual([response.statusCode, response.json().code], [501, 'keys_not_kept']);
    const batch = await post('/jobs/batch', { jobs: [{ operation: 'add', args }, unique()] });
    assert.deepEqual([batch.statusCode, producer.jobs.length], [501, 0]);
  });
});

describe('unique jobs in a batch', () => {
  it('are enqueued once, within the batch and before it', async (t) => {
    const { post, producer } = await open(t);
    const first = (await post('/jobs', unique())).json().job_id as string;
    const jobs = [unique(), unique({ unique_key: 'k' }), { operation: 'add', args }, unique({ unique_key: 'k' })];
    const response = await post('/jobs/batch', { jobs });
    const [, k, plain] = producer.jobs.map(({ jid }) => jid);
    assert.equal(response.statusCode, 202);
    assert.deepEqual(response.json().results, [
      { index: 0, status: 'enqueued', job_id: first, duplicate: true },
      { index: 1, status: 'enqueued', job_id: k },
      { index: 2, status: 'enqueued', job_id: plain },
      { index: 3, status: 'enqueued', job_id: k, duplicate: true },
    ]);
    assert.deepEqual(response.json().job_ids, [first, k, plain, k]);
    assert.equal(producer.jobs.length, 3);
  });

  it('share the outcome of the one that they are like', async (t) => {
    const { post, producer } = await open(t);
    for (const outcome of [refused('broker_refused', 'no'), unknown('no reply')]) {
      producer.decide((_job, index): Outcome => (index === 0 ? enqueued : outcome));
      const key = `k${outcome.kind}`;
      const jobs = [{ operation: 'add', args }, unique({ unique_key: key }), unique({ unique_key: key })];
      const { results } = (await post('/jobs/batch', { jobs })).json();
      const expected = outcome.kind === 'refused' ? 'failed' : 'unknown';
      assert.deepEqual([results[1].status, results[2].status], [expected, expected]);
      assert.equal(results[2].job_id, results[1].job_id);
    }
  });
});

describe('a unique job with a key', () => {
  it('that is a duplicate is answered so again, also when it would not be one any more', async (t) => {
    const { post, producer } = await open(t);
    await post('/jobs', unique());
    const key = { 'idempotency-key': 'k' };
    const first = await post('/jobs', unique(), key);
    assert.equal(first.json().duplicate, true);
    const again = await post('/jobs', unique(), key);
    assert.deepEqual([again.payload, again.headers['idempotency-replayed']], [first.payload, 'true']);
    const entry = unique({ key: 'e' });
    const batch = await post('/jobs/batch', { jobs: [entry] });
    assert.equal(batch.json().results[0].duplicate, true);
    const repeated = (await post('/jobs/batch', { jobs: [entry] })).json();
    assert.deepEqual(repeated.results, [{ ...batch.json().results[0], replayed: true }]);
    assert.equal(producer.jobs.length, 1);
  });

  it('that is like a job of unknown outcome keeps no response: sent again it is not called enqueued', async (t) => {
    const { post, producer } = await open(t);
    producer.decide(() => unknown('no reply'));
    const entry = unique({ unique_key: 'u', key: 'e' });
    const first = await post('/jobs/batch', { jobs: [unique({ unique_key: 'u' }), entry] });
    assert.deepEqual([first.statusCode, first.json().results[1].status], [504, 'unknown']);
    const again = await post('/jobs/batch', { jobs: [entry] });
    assert.deepEqual([again.statusCode, again.json().results[0].status], [504, 'unknown']);
    assert.equal(producer.jobs.length, 1);
  });

  it('in a batch with a key is in the response that is kept', async (t) => {
    const { post, producer } = await open(t);
    const key = { 'idempotency-key': 'k' };
    const body = { jobs: [unique(), { operation: 'add', args }, unique()] };
    const first = await post('/jobs/batch', body, key);
    assert.equal(first.json().results[2].duplicate, true);
    assert.equal((await post('/jobs/batch', body, key)).payload, first.payload);
    assert.equal(producer.jobs.length, 2);
  });

  it('that meets one on its way leaves its key free', async (t) => {
    const { post, producer } = await open(t);
    producer.decide(() => 'hang');
    void post('/jobs', unique());
    while (producer.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const key = { 'idempotency-key': 'k' };
    assert.equal((await post('/jobs', unique(), key)).statusCode, 409);
    producer.decide(() => enqueued);
    assert.equal((await post('/jobs', unique({ unique_key: 'other' }), key)).statusCode, 202);
  });
});
