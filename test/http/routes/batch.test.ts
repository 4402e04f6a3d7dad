// POST /jobs/batch against every mixture of entries and outcomes, and the response's rules as a property.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { enqueued, refused, unknown, type Outcome } from '../../../src/domain/producer.ts';
import { createBatchResponse } from '../../../src/http/routes/batch-response.ts';
import { createBatchReader } from '../../../src/http/routes/batch-entries.ts';
import type { PartialBatch } from '../../../src/http/routes/schemas.ts';
import { build } from '../../helpers/app.ts';
import { entryOptions } from '../../helpers/jobs.ts';

const readEntries = createBatchReader(entryOptions);
const good = { operation: 'add', a: 1, b: 2 };
const oom = refused('broker_refused', 'OOM command not allowed');
const lost = unknown('connection lost');

describe('POST /jobs/batch', () => {
  it('gives all good entries to the producer in one call, with one deadline', async (t) => {
    const { post, producer } = build(t);
    await post('/jobs/batch', { jobs: [good, { operation: 'pow' }, { ...good, operation: 'divide' }] });
    assert.equal(producer.calls.length, 1);
    assert.deepEqual(
      [producer.calls[0]?.method, producer.jobs.map(({ operation }) => operation)],
      ['pushBulk', ['add', 'divide']],
    );
  });

  it('never calls the producer when no entry is good', async (t) => {
    const { post, producer } = build(t);
    await post('/jobs/batch', { jobs: [{ operation: 'pow' }] });
    assert.equal(producer.calls.length, 0);
  });

  it('answers 206 with the exact strings of the original service', async (t) => {
    const { post, producer } = build(t);
    const outcomes = [enqueued, oom, lost];
    producer.decide((_job, index) => outcomes[index] as Outcome);
    const response = await post('/jobs/batch', { jobs: [good, { ...good, operation: 'pow' }, good, good] });
    const [j0, , j3] = producer.jobs.map(({ jid }) => jid);
    assert.equal(response.statusCode, 206);
    assert.deepEqual(response.json(), {
      job_ids: [j0],
      count: 1,
      total_requested: 4,
      message: 'Enqueued 1/4 jobs',
      errors: [
        'Unknown operation: pow',
        'Failed to enqueue: OOM command not allowed',
        'Outcome unknown: connection lost',
      ],
      outcome: 'partial',
      counts: { enqueued: 1, rejected: 1, failed: 1, unknown: 1 },
      results: [
        { index: 0, status: 'enqueued', job_id: j0 },
        { index: 1, status: 'rejected', code: 'unknown_operation', detail: 'Unknown operation: pow' },
        { index: 2, status: 'failed', code: 'broker_refused', detail: 'OOM command not allowed' },
        { index: 3, status: 'unknown', job_id: j3, code: 'outcome_unknown', detail: 'connection lost' },
      ],
    });
  });

  const noneStored: [string, Outcome[], number, string, string][] = [
    ['the broker refused all', [oom, oom], 503, 'broker_unavailable', 'not_enqueued'],
    ['the broker is away', [refused('broker_unavailable', 'x'), oom], 503, 'broker_unavailable', 'not_enqueued'],
    ['our queue is full', [refused('overloaded', 'x'), refused('overloaded', 'x')], 503, 'overloaded', 'not_enqueued'],
    ['it drains', [refused('shutting_down', 'x'), refused('shutting_down', 'x')], 503, 'shutting_down', 'not_enqueued'],
    ['one outcome is unknown', [oom, lost], 504, 'outcome_unknown', 'unknown'],
  ];
  for (const [what, outcomes, status, code, outcome] of noneStored) {
    it(`answers ${status} ${code} with the fields of a 206 when none is stored because ${what}`, async (t) => {
      const { post, producer } = build(t);
      producer.decide((_job, index) => outcomes[index] as Outcome);
      const response = await post('/jobs/batch', { jobs: [good, { operation: 'pow' }, good] });
      const body = response.json();
      assert.deepEqual([response.statusCode, body.code, body.outcome, body.status], [status, code, outcome, status]);
      assert.deepEqual([body.count, body.total_requested, body.message], [0, 3, 'Enqueued 0/3 jobs']);
      assert.equal(body.results.length, 3);
      assert.equal(body.errors.length, 3);
      const unknownIds = producer.jobs.filter((_job, index) => outcomes[index] === lost).map(({ jid }) => jid);
      assert.deepEqual(body.job_ids, unknownIds);
      assert.equal(response.headers['retry-after'] !== undefined, status === 503);
    });
  }

  it('cuts what a caller wrote to 80 characters', async (t) => {
    const { post } = build(t);
    const { errors, results } = (await post('/jobs/batch', { jobs: [good, { operation: 'x'.repeat(5000) }] })).json();
    assert.equal(results[1].detail.length, 80);
    assert.equal(errors[0].length, 80);
  });

  it('names what is wrong with entries that are no objects or have no operation', async (t) => {
    const { post } = build(t);
    const { errors } = (
      await post('/jobs/batch', { jobs: [good, null, [], { a: 1 }, { operation: 'constructor' }] })
    ).json();
    assert.deepEqual(errors, [
      'Invalid job at index 1: must be an object',
      'Invalid job at index 2: must be an object',
      'Invalid job at index 3: operation must be a string',
      'Unknown operation: constructor',
    ]);
  });

  it('lists at most 20 violations, however many entries have several', async (t) => {
    const { post } = build(t);
    const problem = (
      await post('/jobs/batch', { jobs: Array.from({ length: 30 }, () => ({ operation: 'add' })) })
    ).json();
    assert.equal(problem.violations.length, 20);
    assert.equal(problem.violations_total, 60);
    assert.deepEqual(problem.violations[1], { pointer: '/jobs/0/b', message: 'must be a finite number' });
  });

  it('counts every entry by operation, queue and outcome', async (t) => {
    const { post, get, producer } = build(t, { enqueueQueues: ['elsewhere'] });
    const divide = { ...good, operation: 'divide' };
    const elsewhere = { operation: 'divide', args: { a: 1, b: 2 }, queue: 'elsewhere' };
    const bad = [{ operation: 'add' }, { operation: 'pow' }];
    const outcomes = [enqueued, enqueued, oom, enqueued, enqueued, lost, lost, enqueued, enqueued, enqueued];
    producer.decide((_job, index) => outcomes[index] as Outcome);
    const jobs = [good, good, good, ...bad, good, divide, divide, divide, elsewhere, elsewhere, divide];
    await post('/jobs/batch', { jobs });
    const { payload } = await get('/metrics');
    const isCount = (line: string): boolean => line.startsWith('work_factory_jobs_total{') && !line.endsWith(' 0');
    const counts = payload.split('\n').filter(isCount);
    const count = (operation: string, outcome: string, jobsCounted: number, queue = 'default'): string =>
      `work_factory_jobs_total{operation="${operation}",queue="${queue}",outcome="${outcome}"} ${jobsCounted}`;
    assert.deepEqual(
      counts.sort(),
      [
        count('add', 'enqueued', 3),
        count('add', 'refused', 1),
        count('add', 'rejected', 1, 'none'),
        count('divide', 'enqueued', 2),
        count('divide', 'enqueued', 2, 'elsewhere'),
        count('divide', 'unknown', 2),
        count('other', 'rejected', 1, 'none'),
      ].sort(),
    );
  });
});

const anyOutcome = fc.constantFrom<Outcome>(enqueued, oom, lost, refused('overloaded', 'full'));
const anyEntry = fc.oneof(
  fc.record({ operation: fc.constantFrom('add', 'divide'), a: fc.integer(), b: fc.constant(2) }),
  fc.constantFrom({ operation: 'divide', a: 1, b: 0 }, { operation: 'pow' }),
  fc.jsonValue(),
);

describe('the response to a batch', () => {
  it('has one result per entry, in order, and counts, ids and errors that agree with them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyEntry, anyOutcome), { minLength: 1, maxLength: 30 }), (pairs) => {
        const entries = readEntries(
          pairs.map(([entry]) => entry),
          false,
        );
        const accepted = pairs.map((_pair, index) => !entries.rejected.some((bad) => bad.index === index));
        const outcomes = pairs.filter((_pair, index) => accepted[index]).map(([, outcome]) => outcome);
        const rest = entries.jobs.map(({ jid }) => jid);
        const jids = accepted.map((isGood) => (isGood ? rest.shift() : undefined));
        assert.deepEqual(rest, []);
        const expected = expectedStatuses(accepted, outcomes);
        checkResponse(createBatchResponse(entries, outcomes), jids, expected);
      }),
      { numRuns: 500 },
    );
  });
});

type Status = PartialBatch['results'][number]['status'];

function expectedStatuses(accepted: readonly boolean[], outcomes: readonly Outcome[]): Status[] {
  const rest = [...outcomes];
  return accepted.map((isGood) => {
    if (!isGood) return 'rejected';
    const { kind } = rest.shift() as Outcome;
    return kind === 'refused' ? 'failed' : kind;
  });
}

function checkResponse(
  response: ReturnType<typeof createBatchResponse>,
  jids: readonly (string | undefined)[],
  expected: readonly Status[],
): void {
  const has = (status: Status): boolean => expected.includes(status);
  const idsOf = (status: Status): (string | undefined)[] => jids.filter((_jid, index) => expected[index] === status);
  if (expected.every((status) => status === 'enqueued')) {
    assert.deepEqual(response, {
      status: 202,
      body: { job_ids: jids, message: `Batch of ${jids.length} jobs enqueued`, count: jids.length },
    });
    return;
  }
  const body = ('problem' in response ? response.problem.fields : response.body) as PartialBatch;
  assert.deepEqual(
    body.results.map(({ index }) => index),
    [...expected.keys()],
  );
  assert.deepEqual(
    body.results.map(({ status }) => status),
    expected,
  );
  for (const { index, status, job_id: id, code, detail } of body.results) {
    assert.equal(id, status === 'enqueued' || status === 'unknown' ? jids[index] : undefined);
    assert.equal(code === undefined, status === 'enqueued');
    assert.ok((detail ?? '').length <= 80);
  }
  for (const status of ['enqueued', 'rejected', 'failed', 'unknown'] as const) {
    assert.equal(body.counts[status], idsOf(status).length);
  }
  assert.equal(body.errors.length, expected.length - body.count);
  assert.equal(body.count, body.counts.enqueued);
  assert.equal(body.message, `Enqueued ${body.count}/${expected.length} jobs`);
  if (has('enqueued')) {
    assert.equal('status' in response && response.status, 206);
    assert.deepEqual([body.job_ids, body.outcome], [idsOf('enqueued'), 'partial']);
    return;
  }
  assert.ok('problem' in response);
  assert.equal(body.outcome, has('unknown') ? 'unknown' : 'not_enqueued');
  assert.deepEqual(body.job_ids, idsOf('unknown'));
  if (has('unknown')) assert.equal(response.problem.code, 'outcome_unknown');
  else if (has('failed')) assert.match(response.problem.code, /^(broker_unavailable|overloaded)$/);
  else assert.equal(response.problem.code, 'validation_failed');
}
