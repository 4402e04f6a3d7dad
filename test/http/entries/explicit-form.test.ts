// The explicit form of a job: every option in the encoded job, and every mistake with its pointer.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { decodeArgs } from '../../../src/domain/large-args.ts';
import { refused, unknown } from '../../../src/domain/producer.ts';
import { build } from '../../helpers/app.ts';
import { declaredRegistry } from '../../helpers/declared-types.ts';

const options = {
  registry: declaredRegistry,
  enqueueQueues: ['bulk', 'images'],
  passthroughJobtypes: ['Ruby::Mailer', 'go.*'],
};
const open = (t: TestContext) => build(t, options);
const args = { url: 'https://example.com/a.png', width: 64 };
const entry = { operation: 'resize', args };
const at = '2126-12-01T08:00:00.000Z';

async function encodedOf(t: TestContext, body: object): Promise<Record<string, unknown>> {
  const { post, producer } = open(t);
  const response = await post('/jobs', body);
  assert.equal(response.statusCode, 202, response.payload);
  const [job] = producer.jobs;
  assert.ok(job);
  assert.equal(job.encodedBytes, Buffer.byteLength(job.encoded));
  assert.equal(response.json().job_id, job.jid);
  const { jid: _jid, ...encoded } = JSON.parse(job.encoded) as Record<string, unknown>;
  return encoded;
}

const resizeJob = { jobtype: 'ResizeImage', args: [args], reserve_for: 600, retry: 5, queue: 'images' };

describe('POST /jobs', () => {
  it('takes the flat form', async (t) => {
    const { post, producer } = open(t);
    const response = await post('/jobs', { operation: 'add', a: 1, b: 2, request_id: 'r-1' });
    assert.deepEqual(response.json(), { job_id: producer.jobs[0]?.jid, message: 'Job enqueued to add 1 + 2' });
    assert.match(producer.jobs[0]?.encoded ?? '', /"args":\[\{"a":1,"b":2,"request_id":"r-1"\}\]/);
    const flat = await post('/jobs', { operation: 'resize', url: 'x', unknown: 1 });
    assert.deepEqual([flat.statusCode, flat.json().message], [202, 'Job enqueued: resize']);
  });

  it('takes a type by its name or its jobtype, and writes the output of its schema', async (t) => {
    assert.deepEqual(await encodedOf(t, entry), resizeJob);
    assert.deepEqual(await encodedOf(t, { jobtype: 'ResizeImage', args: { url: args.url } }), {
      ...resizeJob,
      args: [{ url: args.url, width: 640 }],
    });
    assert.deepEqual((await encodedOf(t, { operation: 'pair', args: ['x', 1] }))['args'], ['x', 1]);
    const sum = await encodedOf(t, {
      jobtype: 'math_add',
      args: { a: 1, b: 2 },
      request_id: 'r',
      custom: { request_id: 1 },
    });
    assert.deepEqual([sum['args'], sum['custom']], [[{ a: 1, b: 2, request_id: 'r' }], { request_id: 1 }]);
  });

  it('writes every option', async (t) => {
    const given = { queue: 'bulk', at, retry: -1, reserve_for: 86_400, expires_at: '2126-12-02T08:00:00+02:00' };
    assert.deepEqual(await encodedOf(t, { ...entry, ...given, custom: { tenant: [7] }, request_id: 'é' }), {
      ...resizeJob,
      ...{ queue: 'bulk', at, retry: -1, reserve_for: 86_400 },
      custom: { tenant: [7], expires_at: '2126-12-02T06:00:00.000Z', request_id: 'é' },
    });
  });

  it('schedules by time or delay, tells when, and knows it', async (t) => {
    const { post, producer } = open(t);
    const response = await post('/jobs', { ...entry, at: '2126-12-01T09:00:00+01:00', request_id: 'r' });
    const [job] = producer.jobs;
    const jid = job?.jid;
    assert.deepEqual(response.json(), { job_id: jid, message: `Job scheduled for ${at}: resize`, at });
    assert.deepEqual(job?.record, { job_id: jid, state: 'scheduled', operation: 'resize', request_id: 'r', at });
    const before = Date.now();
    const delayed = (await post('/jobs', { ...entry, delay_seconds: 31_536_000 })).json();
    const ms = Date.parse(delayed.at) - 31_536_000_000;
    assert.ok(ms >= before && ms <= Date.now(), delayed.at);
    const sum = await post('/jobs', { operation: 'add', args: { a: 1, b: 2 }, at });
    assert.deepEqual([sum.json().message, sum.json().at], ['Job enqueued to add 1 + 2', at]);
  });

  it('takes a time in the past for now', async (t) => {
    for (const time of [{ at: '2001-01-01T00:00:00Z' }, { delay_seconds: 0 }]) {
      const { post, producer } = open(t);
      const response = await post('/jobs', { ...entry, ...time });
      assert.deepEqual(response.json(), { job_id: producer.jobs[0]?.jid, message: 'Job enqueued: resize' });
      assert.doesNotMatch(producer.jobs[0]?.encoded ?? '', /"at"/);
      assert.equal(producer.jobs[0]?.record, undefined);
    }
  });

  it('reckons a lifetime from now', async (t) => {
    const before = Date.now();
    const { custom } = await encodedOf(t, { ...entry, expires_in_seconds: 60 });
    const ms = Date.parse((custom as { expires_at: string }).expires_at) - 60_000;
    assert.ok(ms >= before && ms <= Date.now());
  });

  it('answers what became of the job', async (t) => {
    const { post, producer, get } = open(t);
    producer.decide(() => refused('overloaded', 'full'));
    const full = (await post('/jobs', entry)).json();
    assert.deepEqual([full.status, full.code, full.outcome], [503, 'overloaded', 'not_enqueued']);
    producer.decide(() => unknown('lost'));
    const lost = (await post('/jobs', entry)).json();
    assert.deepEqual([lost.status, lost.outcome, lost.job_ids], [504, 'unknown', [producer.jobs[1]?.jid]]);
    await post('/jobs', { operation: 'nothing', args: {} });
    assert.match(
      (await get('/metrics')).payload,
      /work_factory_jobs_total\{operation="other",queue="none",outcome="rejected"\} 1/,
    );
  });

  it('tells that nobody of ours says how jobs of other workers end', async (t) => {
    const { post, producer } = open(t);
    await post('/jobs', { operation: 'mail', args: { to: 'x' } });
    await post('/jobs/mail', { to: 'x' });
    const response = await post('/jobs', { jobtype: 'go.Task', args: [1, { a: null }], queue: 'go', request_id: 'r' });
    assert.deepEqual(response.json().message, 'Job enqueued: go.Task');
    const [one, two, three] = producer.jobs;
    const untracked = { state: 'pending', tracked: false };
    assert.deepEqual(one?.record, { job_id: one?.jid, operation: 'mail', ...untracked });
    assert.deepEqual(two?.record, { job_id: two?.jid, operation: 'mail', ...untracked });
    assert.deepEqual(three?.record, { job_id: three?.jid, request_id: 'r', ...untracked });
    assert.equal(three?.operation, 'other');
    assert.deepEqual(JSON.parse(three?.encoded ?? ''), {
      ...{ jid: three?.jid, jobtype: 'go.Task', args: [1, { a: null }], queue: 'go', retry: 25, reserve_for: 1800 },
      custom: { request_id: 'r' },
    });
  });

  it('sends large arguments compressed where the type says so', async (t) => {
    const large = { url: 'x'.repeat(5000), width: 1 };
    for (const [path, body] of [
      ['/jobs', { operation: 'resize', args: large, custom: { tenant: 7 } }],
      ['/jobs', { operation: 'resize', ...large }],
      ['/jobs/resize', large],
    ] as const) {
      const { post, producer } = open(t);
      assert.equal((await post(path, body)).statusCode, 202);
      const { encoded, encodedBytes } = producer.jobs[0] as { encoded: string; encodedBytes: number };
      assert.ok(encodedBytes < 600 && encodedBytes === Buffer.byteLength(encoded));
      const job = JSON.parse(encoded) as { args: unknown; custom: object };
      assert.deepEqual(decodeArgs(job.args, job.custom, 65_536), { args: [large] });
      assert.equal('tenant' in job.custom, 'custom' in body);
    }
    const off = build(t, { ...options, payloadCompressBytes: 0 });
    await off.post('/jobs/resize', large);
    assert.ok((off.producer.jobs[0]?.encodedBytes ?? 0) > 5000);
  });
});

describe('an explicit job', () => {
  const cases: [string, object, string][] = [
    ['neither operation nor jobtype', { args }, '/operation'],
    ['both', { ...entry, jobtype: 'ResizeImage' }, '/jobtype'],
    ['an operation that is no text', { operation: 1, args }, '/operation'],
    ['a jobtype with a line break', { jobtype: 'go.\r\nPUSH', args: [], queue: 'go' }, '/jobtype'],
    ['args that do not fit', { operation: 'resize', args: { ...args, width: 0 } }, '/args/width'],
    ['args that are a list', { operation: 'resize', args: [args] }, '/args'],
    ['args that are too few', { operation: 'pair', args: ['x'] }, '/args'],
    ['an option among args', { operation: 'add', args: { a: 1, b: 2, at } }, '/args/at'],
    ['a misspelt option', { ...entry, delay: 1 }, '/delay'],
    ['a key of another option', { ...entry, 'a/b~': 1 }, '/a~1b~0'],
    ['a key with a space', { ...entry, key: 'two words' }, '/key'],
    ['a key that is too long', { ...entry, key: 'x'.repeat(256) }, '/key'],
    ['a key that is no text', { ...entry, key: 7 }, '/key'],
    ['unique_for of no time', { ...entry, unique_for: 0 }, '/unique_for'],
    ['unique_for of more than a year', { ...entry, unique_for: 31_536_001 }, '/unique_for'],
    ['unique_for of half a second', { ...entry, unique_for: 1.5 }, '/unique_for'],
    ['unique_key without unique_for', { ...entry, unique_key: 'k' }, '/unique_key'],
    ['an empty unique_key', { ...entry, unique_for: 1, unique_key: '' }, '/unique_key'],
    ['a unique_key that is too long', { ...entry, unique_for: 1, unique_key: 'é'.repeat(101) }, '/unique_key'],
    ['a unique_key with a line break', { ...entry, unique_for: 1, unique_key: 'a\nb' }, '/unique_key'],
    ['a request_id that is too long', { ...entry, request_id: 'x'.repeat(201) }, '/request_id'],
    ['a queue that nobody opened', { ...entry, queue: 'other' }, '/queue'],
    ['a queue with a space', { ...entry, queue: 'bulk ' }, '/queue'],
    ['a queue with CR LF', { ...entry, queue: 'bulk\r\nFLUSH' }, '/queue'],
    ['a queue that Faktory uses itself', { ...entry, queue: 'working' }, '/queue'],
    ['a queue that is no text', { ...entry, queue: null }, '/queue'],
    ['a time without offset', { ...entry, at: '2126-12-01T08:00:00' }, '/at'],
    ['a time that is a number', { ...entry, at: 4_951_353_600 }, '/at'],
    ['a leap second', { ...entry, at: '2126-12-31T23:59:60Z' }, '/at'],
    ['the year 10000', { ...entry, at: '10000-01-01T00:00:00Z' }, '/at'],
    ['both times', { ...entry, at, delay_seconds: 1 }, '/delay_seconds'],
    ['a negative delay', { ...entry, delay_seconds: -1 }, '/delay_seconds'],
    ['a delay of more than a year', { ...entry, delay_seconds: 31_536_001 }, '/delay_seconds'],
    ['a delay as text', { ...entry, delay_seconds: '1' }, '/delay_seconds'],
    ['too few retries', { ...entry, retry: -2 }, '/retry'],
    ['too many retries', { ...entry, retry: 1001 }, '/retry'],
    ['half a retry', { ...entry, retry: 0.5 }, '/retry'],
    ['a short reservation', { ...entry, reserve_for: 59 }, '/reserve_for'],
    ['a long reservation', { ...entry, reserve_for: 86_401 }, '/reserve_for'],
    ['an end in the past', { ...entry, expires_at: '2001-01-01T00:00:00Z' }, '/expires_at'],
    ['an end before its time', { ...entry, at, expires_at: at }, '/expires_at'],
    ['an end before its delay', { ...entry, delay_seconds: 60, expires_in_seconds: 60 }, '/expires_in_seconds'],
    ['both ends', { ...entry, expires_at: at, expires_in_seconds: 1 }, '/expires_in_seconds'],
    ['custom that is a list', { ...entry, custom: [] }, '/custom'],
    ['custom that is null', { ...entry, custom: null }, '/custom'],
    ['custom of more than 4 KiB', { ...entry, custom: { x: 'é'.repeat(2045) } }, '/custom'],
    ['a request_id in custom', { ...entry, custom: { request_id: 'x' } }, '/custom/request_id'],
    ['an end in custom', { ...entry, custom: { expires_at: at } }, '/custom/expires_at'],
    ['an encoding in custom', { ...entry, custom: { content_encoding: 'gzip' } }, '/custom/content_encoding'],
    ['a unique key in custom', { ...entry, custom: { unique_key: 1 } }, '/custom/unique_key'],
    ['an idempotency key in custom', { ...entry, custom: { idempotency_key: 1 } }, '/custom/idempotency_key'],
    ['a passed-through jobtype without queue', { jobtype: 'go.x', args: [] }, '/queue'],
    ['a passed-through jobtype in a queue of ours', { jobtype: 'go.x', args: [], queue: 'images' }, '/queue'],
    ['a passed-through jobtype with an object', { jobtype: 'go.x', args: {}, queue: 'go' }, '/args'],
    ['a job of other workers in a queue of ours', { operation: 'mail', args: { to: 'x' }, queue: 'images' }, '/queue'],
  ];
  for (const [what, body, pointer] of cases) {
    it(`is refused for ${what}, alone and in a batch`, async (t) => {
      const { post, producer } = open(t);
      const response = await post('/jobs', body);
      const { code, outcome, violations } = response.json();
      assert.deepEqual(
        [response.statusCode, code, outcome],
        [422, 'validation_failed', 'not_enqueued'],
        response.payload,
      );
      assert.deepEqual(
        violations.map((one: { pointer: string }) => one.pointer),
        [pointer],
      );
      const batch = await post('/jobs/batch', { jobs: [entry, body] });
      const [, second] = batch.json().results;
      assert.deepEqual([batch.statusCode, second.code], [206, 'validation_failed']);
      assert.equal(producer.jobs.length, 1);
    });
  }

  it('of an unknown operation or jobtype says which variable opens it', async (t) => {
    const { post } = open(t);
    const pow = (await post('/jobs', { operation: 'pow', args: {} })).json();
    assert.deepEqual([pow.status, pow.code, pow.error], [422, 'validation_failed', 'Unknown operation: pow']);
    for (const jobtype of ['Other', 'Ruby::Mailer2', 'go', 'x'.repeat(200)]) {
      const problem = (await post('/jobs', { jobtype, args: [], queue: 'q' })).json();
      assert.deepEqual([problem.status, problem.code, problem.outcome], [422, 'unknown_jobtype', 'not_enqueued']);
      assert.match(problem.detail, /^Unknown jobtype: .*PASSTHROUGH_JOBTYPES/);
      assert.ok(problem.detail.length <= 80);
      const batch = (await post('/jobs/batch', { jobs: [{ jobtype, args: [], queue: 'q' }] })).json();
      assert.deepEqual([batch.code, batch.results[0].code], ['validation_failed', 'unknown_jobtype']);
    }
  });

  it('has arguments of at most the limit, as they travel', async (t) => {
    const { post } = open(t);
    const wide = { operation: 'resize', args: { url: 'x', meta: Array.from({ length: 5000 }, () => 1e20) } };
    const text = JSON.stringify(wide).replaceAll('100000000000000000000', '1e20');
    assert.ok(text.length < 65_536);
    assert.deepEqual((await post('/jobs', text)).json().violations, [
      { pointer: '/args', message: 'must be at most 65536 bytes of JSON' },
    ]);
    const flat = text.replace('"args":{', '"x":{},').replace(/\}\}$/, '}');
    for (const path of ['/jobs', '/jobs/resize']) assert.equal((await post(path, flat)).statusCode, 422, path);
    const over = await post('/jobs', { operation: 'resize', args: { url: 'x'.repeat(65_536) } });
    assert.deepEqual([over.statusCode, over.json().limit_bytes], [413, 65_536]);
    const sum = await post('/jobs/add', { a: 1, b: 2, padding: 'x'.repeat(16_384) });
    assert.equal(sum.statusCode, 413);
  });

  it('names at most 20 violations, each short', async (t) => {
    const { post } = open(t);
    const fields = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`${index}${'k'.repeat(300)}`, 1]));
    const response = await post('/jobs', { ...entry, ...fields });
    assert.deepEqual([response.json().violations.length, response.json().violations_total], [20, 50]);
    assert.ok(response.payload.length < 6000);
  });
});

describe('a batch with explicit jobs', () => {
  it('tells of each when one is scheduled', async (t) => {
    const { post, producer } = open(t);
    const jobs = [
      { operation: 'add', a: 1, b: 2 },
      { ...entry, at },
    ];
    const { job_ids: ids, ...rest } = (await post('/jobs/batch', { jobs })).json();
    assert.deepEqual(
      ids,
      producer.jobs.map(({ jid }) => jid),
    );
    const results = [
      { index: 0, status: 'enqueued', job_id: ids[0] },
      { index: 1, status: 'enqueued', job_id: ids[1], at },
    ];
    assert.deepEqual(rest, { message: 'Batch of 2 jobs enqueued', count: 2, results });
    const mixed = (await post('/jobs/batch', { jobs: [...jobs, {}] })).json();
    assert.equal(mixed.results[1].at, at);
  });

  it('stores the good ones beside arguments and a custom that are too deep', async (t) => {
    const { post, producer } = open(t);
    // As text: JSON.stringify does not get so deep.
    const deep = '['.repeat(5000) + ']'.repeat(5000);
    const jobs = [
      '{"operation":"add","a":1,"b":2}',
      `{"operation":"resize","args":${JSON.stringify(args)},"custom":{"deep":${deep}}}`,
      `{"jobtype":"go.Any","queue":"go","args":[${deep}]}`,
    ];
    const response = await post('/jobs/batch', `{"jobs":[${jobs.join(',')}]}`);
    assert.deepEqual([response.statusCode, producer.jobs.length], [206, 1]);
    const { counts, results } = response.json();
    assert.equal(counts.rejected, 2);
    for (const { detail } of results.slice(1)) assert.match(detail, /must be at most 400 levels deep/);
  });

  it('has no results when none is', async (t) => {
    const { post } = open(t);
    const body = (await post('/jobs/batch', { jobs: [entry, { operation: 'pair', args: ['x', 1] }] })).json();
    assert.deepEqual(Object.keys(body), ['job_ids', 'message', 'count']);
  });
});
