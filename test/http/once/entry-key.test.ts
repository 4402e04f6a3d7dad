// `key` of an explicit entry, alone and in a batch.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { enqueued, refused, unknown, type Outcome } from '../../../src/domain/producer.ts';
import { build, type BuiltApp } from '../../helpers/app.ts';
import { openKeys } from '../../helpers/key-store.ts';

const args = { a: 1, b: 2 };
const entry = { operation: 'add', args };
const keyed = (key: string, more: object = {}): object => ({ ...entry, key, ...more });
const at = '2126-01-01T00:00:00.000Z';

const open = async (t: TestContext): Promise<BuiltApp> => build(t, { keys: await openKeys(t) });

describe('POST /jobs with a key in its body', () => {
  it('is one job, whatever is beside it in the text', async (t) => {
    const { post, producer } = await open(t);
    const first = await post('/jobs', keyed('k', { at }));
    const again = await post('/jobs', JSON.stringify(keyed('k', { at }), undefined, 2));
    assert.deepEqual([again.statusCode, again.payload], [202, first.payload]);
    assert.equal(again.headers['idempotency-replayed'], 'true');
    assert.equal(producer.jobs.length, 1);
  });

  it('is refused with another entry, and beside a key in the header', async (t) => {
    const { post, producer } = await open(t);
    await post('/jobs', keyed('k'));
    const reused = await post('/jobs', keyed('k', { at }));
    assert.deepEqual([reused.statusCode, reused.json().code], [422, 'key_reused']);
    const both = await post('/jobs', keyed('l'), { 'idempotency-key': 'h' });
    assert.deepEqual([both.statusCode, both.json().violations[0].pointer], [422, '/key']);
    assert.equal(producer.jobs.length, 1);
  });

  it('has nothing to do with the same key in a header or in a batch', async (t) => {
    const { post, producer } = await open(t);
    await post('/jobs', keyed('k'));
    await post('/jobs', entry, { 'idempotency-key': 'k' });
    await post('/jobs/batch', { jobs: [keyed('k')] });
    assert.equal(producer.jobs.length, 3);
  });
});

describe('a batch with keys in its entries', () => {
  it('is enqueued once, entry by entry, however it is cut when it is sent again', async (t) => {
    const { post, producer } = await open(t);
    const first = await post('/jobs/batch', { jobs: [keyed('a'), keyed('b', { at }), entry] });
    const [a, b] = first.json().job_ids as string[];
    assert.equal(first.statusCode, 202);
    const again = await post('/jobs/batch', { jobs: [keyed('b', { at }), keyed('c'), keyed('a')] });
    const c = producer.jobs[3]?.jid;
    assert.equal(again.statusCode, 202);
    assert.deepEqual(again.json(), {
      job_ids: [b, c, a],
      message: 'Batch of 3 jobs enqueued',
      count: 3,
      results: [
        { index: 0, status: 'enqueued', job_id: b, at, replayed: true },
        { index: 1, status: 'enqueued', job_id: c },
        { index: 2, status: 'enqueued', job_id: a, replayed: true },
      ],
    });
    assert.equal(producer.jobs.length, 4);
  });

  it('asks the broker nothing when all was enqueued before', async (t) => {
    const { post, producer } = await open(t);
    await post('/jobs/batch', { jobs: [keyed('a')] });
    const again = await post('/jobs/batch', { jobs: [keyed('a')] });
    assert.deepEqual([again.statusCode, again.json().results[0].replayed], [202, true]);
    assert.equal(producer.calls.length, 1);
  });

  it('settles each entry by its own outcome', async (t) => {
    const { post, producer } = await open(t);
    const outcomes = [enqueued, refused('broker_refused', 'no'), unknown('no reply')];
    producer.decide((_job, index): Outcome => outcomes[index] as Outcome);
    const jobs = ['a', 'b', 'c'].map((key) => keyed(key));
    const first = await post('/jobs/batch', { jobs });
    assert.deepEqual([first.statusCode, first.json().counts.unknown], [206, 1]);
    producer.decide(() => enqueued);
    const again = (await post('/jobs/batch', { jobs })).json();
    assert.deepEqual(
      again.results.map((one: Record<string, unknown>) => [one['status'], one['code'], one['replayed'], one['job_id']]),
      [
        ['enqueued', undefined, true, first.json().job_ids[0]],
        ['enqueued', undefined, undefined, producer.jobs[3]?.jid],
        ['unknown', 'in_progress', undefined, producer.jobs[2]?.jid],
      ],
    );
    assert.equal(producer.jobs.length, 4, 'only what was refused is pushed again');
  });

  it('rejects a key that was sent with another entry, by its pointer', async (t) => {
    const { post } = await open(t);
    await post('/jobs/batch', { jobs: [keyed('a')] });
    const response = await post('/jobs/batch', { jobs: [entry, keyed('a', { at }), { operation: 'pow' }] });
    const { results, errors, counts } = response.json();
    assert.deepEqual([response.statusCode, counts.rejected, results[1].code], [206, 2, 'key_reused']);
    assert.deepEqual(errors, ['This key was sent before, with another entry', 'Unknown operation: pow']);
    const alone = await post('/jobs/batch', { jobs: [keyed('a', { at })] });
    assert.deepEqual([alone.statusCode, alone.json().violations[0].pointer], [422, '/jobs/0/key']);
  });

  it('finds an entry that has become too late since it was enqueued', async (t) => {
    const { post, producer } = await open(t);
    const expires_at = new Date(Date.now() + 60_000).toISOString();
    const jobs = [keyed('a', { expires_at }), keyed('b')];
    const first = await post('/jobs/batch', { jobs });
    const now = Date.now();
    t.mock.method(Date, 'now', () => now + 120_000);
    const again = await post('/jobs/batch', { jobs });
    assert.deepEqual([again.statusCode, again.json().job_ids], [202, first.json().job_ids]);
    const late = await post('/jobs/batch', { jobs: [keyed('c', { expires_at })] });
    assert.equal(late.statusCode, 422);
    assert.equal(producer.jobs.length, 2);
  });

  it('takes no entry with a key beside a key in the header', async (t) => {
    const { post } = await open(t);
    const response = await post('/jobs/batch', { jobs: [entry, keyed('a')] }, { 'idempotency-key': 'h' });
    const [, second] = response.json().results;
    assert.deepEqual([response.statusCode, second.code], [206, 'validation_failed']);
    assert.equal(second.detail, 'key cannot go with the header Idempotency-Key');
  });

  it('is refused whole, and nothing enqueued, without a store of keys', async (t) => {
    const { post, producer } = build(t);
    const response = await post('/jobs/batch', { jobs: [entry, keyed('a')] });
    assert.deepEqual([response.statusCode, response.json().code], [501, 'keys_not_kept']);
    assert.equal(producer.jobs.length, 0);
  });

  it('enqueues each entry once for ten callers at once', async (t) => {
    const { post, producer } = await open(t);
    const jobs = Array.from({ length: 20 }, (_, index) => keyed(`k${index}`));
    const responses = await Promise.all(Array.from({ length: 10 }, () => post('/jobs/batch', { jobs })));
    assert.equal(producer.jobs.length, 20);
    const ids = new Set(producer.jobs.map(({ jid }) => jid));
    for (const { job_id } of responses.flatMap((response) => response.json().results ?? [])) assert.ok(ids.has(job_id));
  });
});
