// What callers can rely on over HTTP, as a suite for any running service: the app on a recording producer, the
// all-in-one, or an API in front of a real Faktory. It needs no fault and no look behind the door; what a caller may
// see when the broker misbehaves is tested in test/http/.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { errorTable } from '../../src/http/problems/errors.ts';
import { exampleOf, operationNames, typeNamed } from '../helpers/jobs.ts';

export interface HttpTarget {
  /** Without a trailing slash. */
  url: string;
  batchMaxJobs: number;
  batchBodyBytesMax: number;
  /** `none`: GET /jobs/{id} answers 501. `kept`: it answers. `run`: and a worker runs the jobs. */
  results: 'none' | 'kept' | 'run';
  /** Needed when the service has keys. */
  apiKey?: string;
  close: () => Promise<void>;
}

interface HttpResponse {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/** Registers the suite. `open` is called once, before its first test. */
export function httpContract(name: string, open: () => Promise<HttpTarget>): void {
  describe(`the HTTP contract, ${name}`, () => {
    let target: HttpTarget;
    before(async () => void (target = await open()));
    after(() => target.close());
    const call: Call = async (method, path, body, headers = {}) => {
      const response = await fetch(target.url + path, {
        method,
        headers: {
          ...(target.apiKey !== undefined && { authorization: `Bearer ${target.apiKey}` }),
          ...((body !== undefined || method === 'DELETE') && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = /json/.test(response.headers.get('content-type') ?? '');
      return {
        status: response.status,
        headers: response.headers,
        body: isJson && text !== '' ? JSON.parse(text) : {},
      };
    };
    const context: Context = { call, target: () => target };
    singleJobs(context);
    explicitJobs(context);
    batches(context);
    errors(context);
    states(context);
    pages(context);
  });
}

type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<HttpResponse>;
interface Context {
  call: Call;
  target: () => HttpTarget;
}

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function assertProblem({ status, headers, body }: HttpResponse, expected: { status: number; code: string }): void {
  assert.deepEqual({ status, code: body['code'] }, expected);
  assert.equal(headers.get('content-type'), 'application/problem+json');
  assert.equal(body['status'], expected.status);
  assert.equal(body['instance'], headers.get('x-request-id'));
  for (const field of ['type', 'title', 'detail', 'error']) assert.equal(typeof body[field], 'string', field);
}

function singleJobs({ call }: Context): void {
  for (const name of operationNames) {
    it(`answers 202 with the id and the message to POST /jobs/${name}`, async () => {
      const { args } = exampleOf(name);
      const { status, headers, body } = await call('POST', `/jobs/${name}`, args);
      assert.equal(status, 202);
      assert.deepEqual(Object.keys(body), ['job_id', 'message']);
      assert.match(String(body['job_id']), uuidV7);
      assert.equal(body['message'], typeNamed(name).describe(args));
      assert.match(headers.get('content-type') ?? '', /^application\/json/);
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
      assert.ok(headers.get('x-request-id'));
    });
  }

  it('accepts a request_id of 200 bytes, null and other fields', async () => {
    for (const extra of [{ request_id: 'é'.repeat(100) }, { request_id: null }, { unknown: [1], note: 'x' }]) {
      const { status } = await call('POST', '/jobs/add', { a: 1, b: 2, ...extra });
      assert.equal(status, 202);
    }
  });

  const invalid: [string, string, string][] = [
    ['a missing operand', '{"a":1}', '/b'],
    ['an operand that is text', '{"a":"1","b":2}', '/a'],
    ['an operand that is not finite', '{"a":1e400,"b":2}', '/a'],
    ['a request_id of 201 bytes', JSON.stringify({ a: 1, b: 2, request_id: 'x'.repeat(201) }), '/request_id'],
    ['a request_id with a control character', '{"a":1,"b":2,"request_id":"a\\u0000"}', '/request_id'],
    ['a body that is no object', '[]', ''],
  ];
  for (const [what, text, pointer] of invalid) {
    it(`refuses ${what} with 422 and its pointer`, async () => {
      const response = await call('POST', '/jobs/add', text);
      assertProblem(response, { status: 422, code: 'validation_failed' });
      assert.equal(response.body['outcome'], 'not_enqueued');
      assert.equal((response.body['violations'] as { pointer: string }[])[0]?.pointer, pointer);
      assert.equal(response.body['violations_total'], (response.body['violations'] as unknown[]).length);
    });
  }

  it('refuses to divide by zero and by minus zero', async () => {
    for (const zero of ['0', '-0', '0.0']) {
      const response = await call('POST', '/jobs/divide', `{"a":1,"b":${zero}}`);
      assertProblem(response, { status: 422, code: 'validation_failed' });
      assert.deepEqual(response.body['violations'], [{ pointer: '/b', message: 'must not be zero' }]);
    }
  });
}

function explicitJobs({ call, target }: Context): void {
  const args = { a: 1, b: 2 };

  it('answers 202 to POST /jobs in either form, and to options', async () => {
    for (const body of [
      { operation: 'add', ...args },
      { operation: 'add', args, request_id: 'r-1', retry: 3, reserve_for: 120, custom: { tenant: 7 } },
      { jobtype: 'math_add', args, at: '2001-01-01T00:00:00Z' },
    ]) {
      const response = await call('POST', '/jobs', body);
      assert.equal(response.status, 202);
      assert.deepEqual(Object.keys(response.body), ['job_id', 'message']);
      assert.match(String(response.body['job_id']), uuidV7);
    }
  });

  it('answers when a job is scheduled, alone and in a batch', async () => {
    const at = new Date(Date.now() + 3_600_000).toISOString();
    const entry = { operation: 'add', args, at };
    const { status, body } = await call('POST', '/jobs', entry);
    assert.deepEqual([status, body['at']], [202, at]);
    const batch = await call('POST', '/jobs/batch', { jobs: [{ operation: 'add', ...args }, entry] });
    const [first, second] = batch.body['job_ids'] as [string, string];
    assert.equal(batch.status, 202);
    assert.deepEqual(batch.body['results'], [
      { index: 0, status: 'enqueued', job_id: first },
      { index: 1, status: 'enqueued', job_id: second, at },
    ]);
  });

  it('runs a job of the explicit form', async (t) => {
    if (target().results !== 'run') return t.skip('no worker runs');
    const posted = await call('POST', '/jobs', { operation: 'multiply', args: { a: 6, b: 7 }, request_id: 'r-1' });
    const { body } = await call('GET', `/jobs/${String(posted.body['job_id'])}?wait=30`);
    assert.deepEqual([body['state'], body['result'], body['request_id']], ['succeeded', 42, 'r-1']);
  });

  it('refuses an unknown field, a bad option and an unknown jobtype, each by its pointer', async () => {
    for (const [more, pointer] of [
      [{ delay: 1 }, '/delay'],
      [{ at: '2126-12-01T08:00:00' }, '/at'],
      [{ queue: 'working' }, '/queue'],
      [{ args: { a: 1 } }, '/args/b'],
    ] as const) {
      const response = await call('POST', '/jobs', { operation: 'add', args, ...more });
      assertProblem(response, { status: 422, code: 'validation_failed' });
      assert.equal(response.body['outcome'], 'not_enqueued');
      assert.equal((response.body['violations'] as { pointer: string }[])[0]?.pointer, pointer);
    }
    const unknown = await call('POST', '/jobs', { jobtype: 'Nobody', args: [], queue: 'q' });
    assertProblem(unknown, { status: 422, code: 'unknown_jobtype' });
    assertProblem(await call('GET', '/jobs'), { status: 405, code: 'method_not_allowed' });
  });
}

function batches({ call, target }: Context): void {
  it('answers 202 with the ids in input order to a batch that is stored whole', async () => {
    const jobs = operationNames.map((operation) => ({ operation, a: 6, b: 3 }));
    const { status, body } = await call('POST', '/jobs/batch', { jobs });
    assert.equal(status, 202);
    const ids = body['job_ids'] as string[];
    assert.equal(new Set(ids).size, jobs.length);
    for (const id of ids) assert.match(id, uuidV7);
    assert.deepEqual(body, { job_ids: ids, message: `Batch of ${jobs.length} jobs enqueued`, count: jobs.length });
  });

  it('answers 206 and says what became of each entry when some are bad', async () => {
    const jobs = [
      { operation: 'add', a: 1, b: 2 },
      { operation: 'pow', a: 1, b: 2 },
      { operation: 'add', a: 3, b: 4 },
      { operation: 'divide', a: 1, b: 0 },
    ];
    const { status, body } = await call('POST', '/jobs/batch', { jobs });
    const [first, third] = body['job_ids'] as [string, string];
    assert.equal(status, 206);
    assert.deepEqual(body, {
      job_ids: [first, third],
      count: 2,
      total_requested: 4,
      message: 'Enqueued 2/4 jobs',
      errors: ['Unknown operation: pow', 'Invalid job at index 3: b must not be zero'],
      outcome: 'partial',
      counts: { enqueued: 2, rejected: 2, failed: 0, unknown: 0 },
      results: [
        { index: 0, status: 'enqueued', job_id: first },
        { index: 1, status: 'rejected', code: 'unknown_operation', detail: 'Unknown operation: pow' },
        { index: 2, status: 'enqueued', job_id: third },
        { index: 3, status: 'rejected', code: 'validation_failed', detail: 'b must not be zero' },
      ],
    });
  });

  it('answers 422 when every entry is bad', async () => {
    const response = await call('POST', '/jobs/batch', {
      jobs: Array.from({ length: 30 }, () => ({ operation: 'pow' })),
    });
    assertProblem(response, { status: 422, code: 'validation_failed' });
    assert.equal(response.body['count'], 0);
    assert.deepEqual(response.body['job_ids'], []);
    assert.equal((response.body['errors'] as unknown[]).length, 30);
    assert.equal((response.body['violations'] as unknown[]).length, 20);
    assert.equal(response.body['violations_total'], 30);
  });

  it('refuses an empty batch and an envelope without jobs with 422', async () => {
    for (const body of [{ jobs: [] }, {}, [], { jobs: { length: 1 } }, null]) {
      assertProblem(await call('POST', '/jobs/batch', body), { status: 422, code: 'validation_failed' });
    }
  });

  it('accepts the largest batch and refuses one entry more with 413', async () => {
    const { batchMaxJobs } = target();
    const batchOf = (length: number) => ({ jobs: Array.from({ length }, () => ({ operation: 'add', a: 1, b: 2 })) });
    const { status, body } = await call('POST', '/jobs/batch', batchOf(batchMaxJobs));
    assert.deepEqual([status, body['count']], [202, batchMaxJobs]);
    const response = await call('POST', '/jobs/batch', batchOf(batchMaxJobs + 1));
    assertProblem(response, { status: 413, code: 'too_many_jobs' });
    assert.equal(response.body['limit_jobs'], batchMaxJobs);
  });
}

function errors({ call, target }: Context): void {
  it('answers 400 to a body that is not JSON', async () => {
    for (const text of ['', '{', '{"a":1,}', '{"a":NaN,"b":1}', '{"a":1,"b":2,"__proto__":{}}']) {
      assertProblem(await call('POST', '/jobs/add', text), { status: 400, code: 'malformed_json' });
    }
  });

  it('answers 413 with the limit to a body that is too large', async () => {
    const single = await call('POST', '/jobs/add', { a: 1, b: 2, padding: 'x'.repeat(16_384) });
    assertProblem(single, { status: 413, code: 'body_too_large' });
    assert.equal(single.body['limit_bytes'], 16_384);
    const batch = await call('POST', '/jobs/batch', { jobs: [], padding: 'x'.repeat(target().batchBodyBytesMax) });
    assertProblem(batch, { status: 413, code: 'body_too_large' });
    assert.equal(batch.body['limit_bytes'], target().batchBodyBytesMax);
  });

  it('answers 415 to another content type or encoding', async () => {
    const body = { a: 1, b: 2 };
    for (const type of ['text/plain', 'application/vnd.api+json', 'application/json; charset=utf-16']) {
      const response = await call('POST', '/jobs/add', body, { 'content-type': type });
      assertProblem(response, { status: 415, code: 'unsupported_media_type' });
    }
    const encoded = await call('POST', '/jobs/add', body, { 'content-encoding': 'compress' });
    assertProblem(encoded, { status: 415, code: 'unsupported_media_type' });
  });

  it('answers 404 to an unknown path and 405 with Allow to another method', async () => {
    assertProblem(await call('GET', '/nothing'), { status: 404, code: 'not_found' });
    assertProblem(await call('POST', '/jobs/pow', { a: 1, b: 2 }), { status: 404, code: 'not_found' });
    for (const [method, path, allow] of [
      ...[...operationNames, 'batch', 'stream'].map((name) => ['GET', `/jobs/${name}`, 'POST'] as const),
      ['PUT', '/jobs/add', 'POST'],
      ['DELETE', '/health', 'GET, HEAD'],
    ] as const) {
      const response = await call(method, path);
      assertProblem(response, { status: 405, code: 'method_not_allowed' });
      assert.equal(response.headers.get('allow'), allow);
    }
  });

  it('keeps a harmless x-request-id and replaces any other', async () => {
    const kept = await call('GET', '/nothing', undefined, { 'x-request-id': 'caller-1.a_B' });
    assert.equal(kept.body['instance'], 'caller-1.a_B');
    const replaced = await call('GET', '/nothing', undefined, { 'x-request-id': '{"a":1}' });
    assert.match(String(replaced.body['instance']), /^[a-z0-9-]+$/);
  });
}

function states({ call, target }: Context): void {
  it('answers 422 to an id or a wait that is not well formed', async () => {
    for (const path of ['/jobs/short', `/jobs/${'x'.repeat(65)}`, '/jobs/white%20space', '/jobs/nul%00nulnul']) {
      assertProblem(await call('GET', path), { status: 422, code: 'validation_failed' });
    }
    for (const wait of ['31', '-1', 'x', '', '1e1', '0x1']) {
      assertProblem(await call('GET', `/jobs/unknown-id?wait=${wait}`), { status: 422, code: 'validation_failed' });
    }
  });

  it('answers 404 to an unknown id, or 501 when no results are kept', async () => {
    const response = await call('GET', '/jobs/00000000-0000-7000-8000-000000000000');
    if (target().results === 'none') assertProblem(response, { status: 501, code: 'results_not_kept' });
    else assertProblem(response, { status: 404, code: 'not_found' });
  });

  it('cancels no job that it does not know or that has ended', async () => {
    const { results } = target();
    assertProblem(await call('DELETE', '/jobs/white%20space'), { status: 422, code: 'validation_failed' });
    const unknown = await call('DELETE', '/jobs/00000000-0000-7000-8000-000000000000');
    if (results === 'none') return assertProblem(unknown, { status: 501, code: 'results_not_kept' });
    assertProblem(unknown, { status: 404, code: 'not_found' });
    if (results !== 'run') return;
    const { body } = await call('POST', '/jobs/add', { a: 1, b: 2 });
    const path = `/jobs/${String(body['job_id'])}`;
    await call('GET', `${path}?wait=30`);
    assertProblem(await call('DELETE', path), { status: 409, code: 'not_cancellable' });
  });

  for (const name of operationNames) {
    it(`tells the state of a job that was enqueued to ${name}`, async (t) => {
      if (target().results === 'none') return t.skip('no results are kept');
      const { args, result } = exampleOf(name);
      const { a, b } = args;
      const posted = await call('POST', `/jobs/${name}`, { a, b, request_id: 'r-1' });
      const wait = target().results === 'run' ? '?wait=30' : '';
      const { status, body } = await call('GET', `/jobs/${String(posted.body['job_id'])}${wait}`);
      assert.equal(status, 200);
      assert.equal(body['job_id'], posted.body['job_id']);
      if (target().results === 'kept') return;
      assert.equal(body['state'], 'succeeded');
      assert.deepEqual([body['operation'], body['a'], body['b'], body['result']], [name, a, b, result]);
      assert.equal(body['request_id'], 'r-1');
    });
  }
}

function pages({ call, target }: Context): void {
  it('answers /health without asking anyone', async () => {
    const { status, body } = await call('GET', '/health');
    assert.deepEqual([status, body['status'], body['service']], [200, 'healthy', 'api-service']);
    assert.equal(typeof body['version'], 'string');
  });

  it('answers /ready with each check and the durability', async () => {
    const { status, body } = await call('GET', '/ready');
    assert.deepEqual([status, body['status']], [200, 'ready']);
    // Of the stores that this deployment has.
    const { results, keys, ...checks } = body['checks'] as Record<string, unknown>;
    for (const store of [results, keys]) assert.deepEqual(store ?? { ok: true }, { ok: true });
    assert.deepEqual(checks, { broker: { ok: true }, accepting: { ok: true }, draining: { ok: true } });
    assert.match(String(body['durability']), /^(fsync|second|snapshot|memory|unknown)$/);
  });

  it('answers /metrics in the text format of Prometheus', async () => {
    const { apiKey } = target();
    const response = await fetch(`${target().url}/metrics`, {
      headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
    });
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    assert.match(await response.text(), /^http_server_request_duration_seconds_count\{/m);
  });

  it('points with the type of a problem to its own row of a page', async () => {
    const { body } = await call('GET', '/nothing');
    const url = new URL(String(body['type']), target().url);
    const page = await fetch(url);
    assert.deepEqual([page.status, page.headers.get('content-type')], [200, 'text/html; charset=utf-8']);
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/);
    const text = await page.text();
    assert.equal(url.hash, '#not_found');
    for (const code of Object.keys(errorTable)) assert.equal(text.split(`id="${code}"`).length, 2, code);
  });

  it('answers /openapi.json with a document of version 3.1, and /docs with a page', async () => {
    const { status, body } = await call('GET', '/openapi.json');
    assert.deepEqual([status, body['openapi']], [200, '3.1.0']);
    const page = await call('GET', '/docs');
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'self'/);
  });
}
