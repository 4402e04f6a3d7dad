// The exact body of a problem for every code that a request can provoke, and that one table rules them.
import assert from 'node:assert/strict';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, it, type TestContext } from 'node:test';
import type { LightMyRequestResponse } from 'fastify';
import { errorTable, type ErrorCode } from '../../../src/http/problems/errors.ts';
import type { ResultStore } from '../../../src/domain/results.ts';
import { refused, unknown } from '../../../src/domain/producer.ts';
import { build, type BuiltApp } from '../../helpers/app.ts';
import { operationNames } from '../../helpers/jobs.ts';
import { createRecordingResults } from '../recording-results.ts';

const good = { a: 1, b: 2 };
const headers = { 'x-request-id': 'i-1' };
const pushWith = (built: BuiltApp, outcome: Parameters<typeof refused> | ['outcome_unknown']) => {
  built.producer.decide(() =>
    outcome[0] === 'outcome_unknown' ? unknown('no reply') : refused(outcome[0], outcome[1] ?? ''),
  );
  return built.post('/jobs/add', good, headers);
};

interface Case {
  code: ErrorCode;
  ask: (built: BuiltApp) => Promise<LightMyRequestResponse>;
  detail: string;
  fields?: Record<string, unknown>;
  isPost?: false;
  results?: ResultStore;
}

const badId = `must match [A-Za-z0-9._-]{8,64}; operations, which take POST, are ${operationNames.join(', ')}`;
const brokenResults = createRecordingResults();
brokenResults.breakWith(new Error('away'));

const cases: Case[] = [
  {
    code: 'malformed_json',
    ask: ({ post }) => post('/jobs/add', '{', headers),
    detail: 'The body is not JSON, or it holds a key like __proto__',
  },
  {
    code: 'malformed_json',
    ask: ({ app }) => app.inject({ method: 'POST', url: '/jobs/batch', headers }),
    detail: 'The body is empty',
  },
  {
    code: 'bad_request',
    ask: ({ get }) => get('/jobs/%zz', headers),
    detail: 'The request target cannot be decoded',
    isPost: false,
  },
  {
    code: 'validation_failed',
    ask: ({ post }) => post('/jobs/divide', { a: 1, b: 0 }, headers),
    detail: 'b must not be zero',
    fields: { violations: [{ pointer: '/b', message: 'must not be zero' }], violations_total: 1 },
  },
  {
    code: 'not_found',
    ask: ({ get }) => get('/x', headers),
    detail: 'There is nothing at this path',
    isPost: false,
  },
  {
    code: 'method_not_allowed',
    ask: ({ post }) => post('/jobs/some-long-id', good, headers),
    detail: `This path accepts DELETE, GET, HEAD; operations are ${operationNames.join(', ')}`,
  },
  {
    code: 'not_found',
    ask: ({ post }) => post('/jobs/pow', good, headers),
    detail: `There is nothing at this path; operations are ${operationNames.join(', ')}`,
  },
  {
    code: 'validation_failed',
    ask: ({ get }) => get('/jobs/pow', headers),
    detail: `job_id ${badId}`,
    isPost: false,
    fields: { violations: [{ pointer: '/job_id', message: badId }], violations_total: 1 },
  },
  {
    code: 'expectation_failed',
    ask: ({ post }) => post('/jobs/add', good, { ...headers, expect: '200-maybe' }),
    detail: 'Only 100-continue can be expected',
  },
  {
    code: 'body_too_large',
    ask: ({ post }) => post('/jobs/add', `{"a":"${'x'.repeat(16_384)}"}`, headers),
    detail: 'The body is larger than this route accepts',
    fields: { limit_bytes: 16_384 },
  },
  {
    code: 'too_many_jobs',
    ask: ({ post }) => post('/jobs/batch', { jobs: Array.from({ length: 1001 }, () => 0) }, headers),
    detail: 'A batch may have 1000 jobs; this one has 1001',
    fields: { limit_jobs: 1000 },
  },
  {
    code: 'unsupported_media_type',
    ask: ({ post }) => post('/jobs/add', good, { ...headers, 'content-type': 'text/plain' }),
    detail: "Send application/json in UTF-8; curl: -H 'content-type: application/json'",
  },
  {
    code: 'results_not_kept',
    ask: ({ get }) => get('/jobs/some-long-id', headers),
    detail: 'This deployment keeps no results: RESULTS_URL is not set',
    isPost: false,
  },
  {
    code: 'results_unavailable',
    results: brokenResults,
    ask: ({ get }) => get('/jobs/some-long-id', headers),
    detail: 'The result store does not answer; the job may still exist',
    isPost: false,
  },
  {
    code: 'broker_unavailable',
    ask: (built) => pushWith(built, ['broker_unavailable', 'no connection']),
    detail: 'no connection',
  },
  { code: 'overloaded', ask: (built) => pushWith(built, ['overloaded', 'full']), detail: 'full' },
  { code: 'shutting_down', ask: (built) => pushWith(built, ['shutting_down', 'closing']), detail: 'closing' },
  { code: 'outcome_unknown', ask: (built) => pushWith(built, ['outcome_unknown']), detail: 'no reply' },
  {
    code: 'internal',
    ask: ({ producer, post }) => (producer.breakWith(new Error('bug')), post('/jobs/add', good, headers)),
    detail: 'An error on our side; the log has it under this instance',
  },
];

describe('a problem', () => {
  for (const { code, ask, detail, fields, isPost, results } of cases) {
    it(`has exactly these fields: ${code}, ${detail}`, async (t) => {
      const built = build(t, { results });
      const response = await ask(built);
      const { status, title } = errorTable[code];
      assert.equal(response.statusCode, status);
      assert.equal(response.headers['content-type'], 'application/problem+json');
      assert.equal(response.headers['x-request-id'], 'i-1');
      assert.equal(response.headers['x-content-type-options'], 'nosniff');
      assert.deepEqual(response.json(), {
        type: `/docs/errors#${code}`,
        title,
        status,
        detail,
        instance: 'i-1',
        code,
        error: detail,
        ...(isPost !== false && { outcome: /unknown|internal/.test(code) ? 'unknown' : 'not_enqueued' }),
        ...(code === 'outcome_unknown' && { job_ids: [built.producer.jobs[0]?.jid] }),
        ...fields,
      });
    });
  }

  it('carries Retry-After exactly where the table says so, with a little jitter', async (t) => {
    const seen = new Set<unknown>();
    for (const { ask, code, results } of cases) {
      const retryAfter = (await ask(build(t, { results }))).headers['retry-after'];
      assert.equal(retryAfter !== undefined, 'retryAfterSeconds' in errorTable[code], code);
    }
    const built = build(t);
    for (let count = 0; count < 50; count += 1)
      seen.add((await pushWith(built, ['overloaded', ''])).headers['retry-after']);
    assert.deepEqual([...seen].sort(), ['1', '2']);
  });
});

describe('a content type', () => {
  const statusOf = async (t: TestContext, type: string): Promise<number> =>
    (await build(t).post('/jobs/add', good, { 'content-type': type })).statusCode;

  it('is accepted in every spelling of JSON in UTF-8', async (t) => {
    for (const type of [
      'application/json',
      'APPLICATION/JSON',
      'application/json;charset=UTF-8',
      'application/json; charset="utf-8"',
    ]) {
      assert.equal(await statusOf(t, type), 202, type);
    }
  });

  it('is refused when anything is hung onto it, or another charset is named', async (t) => {
    const types = [
      'application/json\tx',
      'application/jsonx',
      'application/json x',
      'application/json/text',
      'text/json',
      'application/json; charset=utf-16',
      'application/json; charset=utf-8; charset=utf-16',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      '*',
    ];
    for (const type of types) assert.equal(await statusOf(t, type), 415, type);
  });
});

describe('a body', () => {
  const text = JSON.stringify({ jobs: [{ operation: 'add', a: 1, b: 2 }] });
  const encode = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync } as const;

  for (const [encoding, compress] of Object.entries(encode)) {
    it(`may be encoded with ${encoding}`, async (t) => {
      const { post } = build(t);
      const single = compress(JSON.stringify(good));
      assert.equal((await post('/jobs/batch', compress(text), { 'content-encoding': encoding })).statusCode, 202);
      assert.equal((await post('/jobs/add', single, { 'content-encoding': encoding })).statusCode, 202);
    });

    it(`is counted in decoded bytes: a bomb of ${encoding} is 413`, async (t) => {
      const { post, producer } = build(t, { batchBodyBytesMax: 524_288 });
      const bomb = compress(Buffer.alloc(8_000_000, ' '));
      assert.ok(bomb.length < 524_288);
      const before = process.memoryUsage.rss();
      const response = await post('/jobs/batch', bomb, { 'content-encoding': encoding });
      assert.deepEqual([response.statusCode, response.json().code], [413, 'body_too_large']);
      assert.ok(process.memoryUsage.rss() - before < 40_000_000);
      assert.equal(producer.calls.length, 0);
    });
  }

  it('that cannot be decoded is 400', async (t) => {
    const { post } = build(t);
    for (const bytes of [Buffer.from('no gzip'), gzipSync(text).subarray(0, 20)]) {
      const response = await post('/jobs/batch', bytes, { 'content-encoding': 'gzip' });
      assert.deepEqual([response.statusCode, response.json().code], [400, 'malformed_json']);
    }
  });

  it('may name its encoding in any case, by an old name, or in a list with identity', async (t) => {
    const { post } = build(t);
    for (const encoding of ['GZIP', 'x-gzip', 'X-GZip', 'gzip, identity', 'identity,gzip', ' gzip ,']) {
      const headers = { 'content-encoding': encoding };
      assert.equal((await post('/jobs/batch', gzipSync(text), headers)).statusCode, 202, encoding);
      assert.equal((await post('/jobs/add', gzipSync(JSON.stringify(good)), headers)).statusCode, 202, encoding);
    }
    for (const encoding of ['Identity', 'identity, identity', ''])
      assert.equal((await post('/jobs/batch', text, { 'content-encoding': encoding })).statusCode, 202, encoding);
  });

  it('in another encoding, or encoded twice, is 415', async (t) => {
    const { post } = build(t);
    for (const encoding of ['zstd', 'gzip, gzip', 'gzip, br', 'compress', 'constructor']) {
      assert.equal(
        (await post('/jobs/batch', gzipSync(text), { 'content-encoding': encoding })).statusCode,
        415,
        encoding,
      );
    }
  });

  it('may hold many arrays and objects, and deep ones, only while it is small', async (t) => {
    const { post, producer } = build(t);
    const holding = (content: string, filling: string): string =>
      `{"jobs":[{"operation":"add","a":1,"b":2,"text":"${filling}","x":[${content}]}]}`;
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    const many = (count: number): string => Array(count).fill('{}').join();
    const brackets = '[\\\\\\"{'.repeat(20_000);
    for (const text of [holding(nested(20_000), ''), holding(nested(900), brackets), holding(many(49_000), brackets)]) {
      assert.equal((await post('/jobs/batch', text)).statusCode, 202);
    }
    const refused = [holding(nested(1001), brackets), holding(many(50_000), ''), `{"jobs":[${'['.repeat(100_000)}]}`];
    for (const text of [...refused, '{"":'.repeat(50_000)]) {
      const { statusCode, payload } = await post('/jobs/batch', text);
      assert.equal(statusCode, 400);
      assert.match(payload, /A large body holds at most 50000 arrays and objects, 1000 deep/);
    }
    assert.equal(producer.jobs.length, 3);
  });

  it('with 16 KiB of brackets or 1,000 bad entries is refused in less than 400 KB', async (t) => {
    const { post } = build(t);
    assert.equal((await post('/jobs/add', '['.repeat(8000) + ']'.repeat(8000))).statusCode, 422);
    const entries = Array.from({ length: 1000 }, () => ({ operation: 'add', a: 'x'.repeat(300), b: [] }));
    const response = await post('/jobs/batch', { jobs: entries });
    assert.equal(response.statusCode, 422);
    assert.ok(response.payload.length < 400_000, String(response.payload.length));
  });

  it('is answered in the encoding asked for, when the response is above 1 KB', async (t) => {
    const { post, get } = build(t);
    const jobs = Array.from({ length: 100 }, () => ({ operation: 'add', a: 1, b: 2 }));
    const large = await post('/jobs/batch', { jobs }, { 'accept-encoding': 'gzip' });
    assert.deepEqual([large.statusCode, large.headers['content-encoding']], [202, 'gzip']);
    const small = await get('/health', { 'accept-encoding': 'gzip' });
    assert.equal(small.headers['content-encoding'], undefined);
  });
});
