// Options that came where only arguments are taken: refused, never ignored.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { createOptionFinder } from '../../../src/http/entries/flat-form.ts';
import { build } from '../../helpers/app.ts';

const options = {
  queue: 'critical',
  at: '2026-12-31T00:00:00Z',
  delay_seconds: 1,
  retry: 0,
  reserve_for: 60,
  expires_at: '2026-12-31T00:00:00Z',
  expires_in_seconds: 1,
  custom: null,
  key: 'k',
  unique_for: 1,
  unique_key: 'u',
  delay: 3600,
  priority: 9,
  jobtype: 'math_add',
};
const message = 'is no argument: options go beside "args" (POST /jobs)';

describe('options in a body of arguments', () => {
  for (const [name, value] of Object.entries(options)) {
    it(`refuses ${name}`, async (t) => {
      const { post, producer } = build(t);
      const response = await post('/jobs/add', { a: 1, b: 2, [name]: value });
      const { code, outcome, violations } = response.json();
      assert.deepEqual([response.statusCode, code, outcome], [422, 'validation_failed', 'not_enqueued']);
      assert.deepEqual(violations, [{ pointer: `/${name}`, message }]);
      assert.equal(producer.calls.length, 0);
    });
  }

  it('names every one, next to what else is wrong', async (t) => {
    const { post, get } = build(t);
    const response = await post('/jobs/divide', { a: 1, b: 0, retry: 0, note: 'ignored', at: 'now' });
    assert.deepEqual(response.json().violations, [
      { pointer: '/retry', message },
      { pointer: '/at', message },
      { pointer: '/b', message: 'must not be zero' },
    ]);
    assert.match(
      (await get('/metrics')).payload,
      /work_factory_jobs_total\{operation="divide",queue="none",outcome="rejected"\} 1/,
    );
  });

  it('refuses a flat entry of a batch, and only that entry', async (t) => {
    const { post } = build(t);
    const entry = { operation: 'add', a: 1, b: 2 };
    const response = await post('/jobs/batch', {
      jobs: [
        { ...entry, note: 'ignored' },
        { ...entry, delay: 3600 },
      ],
    });
    const { job_ids: ids, errors, results } = response.json();
    assert.deepEqual([response.statusCode, ids.length, results[1].code], [206, 1, 'validation_failed']);
    assert.deepEqual(errors, [`Invalid job at index 1: delay ${message}`]);
    const none = await post('/jobs/batch', { jobs: [entry, { ...entry, queue: 'q' }].slice(1) });
    assert.deepEqual(none.json().violations, [{ pointer: '/jobs/0/queue', message }]);
  });

  it('finds nothing in a body that is no object', () => {
    const find = createOptionFinder(z.object({ a: z.number() }));
    for (const body of [undefined, null, 'queue', 1, [1]]) assert.deepEqual(find(body), []);
  });
});

describe('options that are arguments of a type', () => {
  const cases: [string, z.ZodType, number][] = [
    ['a field', z.object({ queue: z.string() }), 0],
    ['a field of one form', z.union([z.object({ a: z.number() }), z.object({ queue: z.string() })]), 0],
    ['a field beside others', z.intersection(z.object({ a: z.number() }), z.object({ queue: z.string() })), 0],
    ['any field', z.looseObject({ a: z.number() }), 0],
    ['any key', z.record(z.string(), z.string()), 0],
    ['a field that is transformed', z.object({ queue: z.string().transform(Number) }), 0],
    ['no such field', z.object({ a: z.number() }), 1],
  ];
  for (const [title, schema, found] of cases)
    it(`${found === 0 ? 'passes' : 'finds'} one where the schema has ${title}`, () => {
      assert.equal(createOptionFinder(schema)({ queue: 'q' }).length, found);
    });
});
