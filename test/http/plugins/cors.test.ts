// Pages of the origins in CORS_ORIGINS can call the API from a browser; others get nothing that they may read.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { idleOperator as operator } from '../../helpers/idle-operator.ts';
import { build, connectRaw } from '../../helpers/app.ts';

const origin = 'https://app.example.com';
const corsOrigins = [origin, 'http://localhost:5173'];
const apiKeys = ['api-key-of-16-bytes'];

const preflight = (t: TestContext, headers: Record<string, string>, options: object = { corsOrigins, apiKeys }) =>
  build(t, options).app.inject({
    method: 'OPTIONS',
    url: '/jobs/add',
    headers: { origin, 'access-control-request-method': 'POST', ...headers },
  });

const corsOf = (headers: object): string[] => Object.keys(headers).filter((name) => name.startsWith('access-control'));

describe('CORS_ORIGINS', () => {
  it('answers the preflight of a named origin without a key', async (t) => {
    const { statusCode, headers, body } = await preflight(t, {
      'access-control-request-headers': 'authorization,content-type,idempotency-key',
    });
    assert.deepEqual([statusCode, body, headers.vary], [204, '', 'Origin']);
    assert.equal(headers['access-control-allow-origin'], origin);
    assert.equal(headers['access-control-allow-methods'], 'GET, POST, DELETE');
    assert.equal(headers['access-control-allow-headers'], 'authorization, content-type, idempotency-key, x-request-id');
    assert.equal(headers['access-control-max-age'], '7200');
    assert.equal(headers['access-control-allow-credentials'], undefined);
    assert.equal(headers['access-control-allow-private-network'], undefined);
    const near = await preflight(t, { 'access-control-request-private-network': 'true' });
    assert.equal(near.headers['access-control-allow-private-network'], 'true');
  });

  it('refuses the preflight of any other origin, and of every one where none is named', async (t) => {
    for (const other of [
      'https://evil.example',
      'null',
      'https://app.example.com.evil.example',
      'http://app.example.com',
    ])
      for (const options of [{ corsOrigins, apiKeys }, { apiKeys }, { corsOrigins: [] }]) {
        const { statusCode, headers } = await preflight(t, { origin: other }, options);
        assert.deepEqual([statusCode, corsOf(headers)], [405, []], other);
      }
    assert.deepEqual(corsOf((await preflight(t, {}, { apiKeys })).headers), []);
  });

  it('lets a page of a named origin read every response, refusals too', async (t) => {
    const { post, get } = build(t, { corsOrigins, apiKeys });
    const authorization = `Bearer ${apiKeys[0]}`;
    const job = { a: 1, b: 2 };
    for (const [response, status] of [
      [await post('/jobs/add', job, { origin, authorization }), 202],
      [await post('/jobs/add', {}, { origin, authorization }), 422],
      [await post('/jobs/add', job, { origin }), 401],
      [await get('/nothing', { origin }), 404],
    ] as const) {
      assert.equal(response.statusCode, status);
      assert.equal(response.headers['access-control-allow-origin'], origin);
      assert.equal(
        response.headers['access-control-expose-headers'],
        'idempotency-replayed, retry-after, x-request-id',
      );
      assert.equal(response.headers.vary, 'Origin');
    }
    const without = await get('/health');
    assert.deepEqual([corsOf(without.headers), without.headers.vary], [[], 'Origin']);
    const other = await get('/health', { origin: 'https://evil.example' });
    assert.deepEqual(corsOf(other.headers), []);
  });

  it('lets it cancel jobs, and nothing that is an operator’s', async (t) => {
    const { del, post } = build(t, { corsOrigins, operator });
    const cancelled = await del('/jobs/job-00000001', { origin, 'sec-fetch-site': 'cross-site' });
    assert.notEqual(cancelled.json().code, 'cross_origin');
    for (const response of [
      await del('/jobs/job-00000001', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }),
      await post('/queues/default/pause', {}, { origin, 'sec-fetch-site': 'cross-site' }),
    ])
      assert.equal(response.json().code, 'cross_origin');
  });

  it('lets it read a stream', async (t) => {
    const { app, listen } = build(t, { corsOrigins });
    await listen();
    const line = '{"operation":"add","a":1,"b":2}\n';
    const head = [
      'POST /jobs/stream HTTP/1.1',
      `Host: localhost\r\nOrigin: ${corsOrigins[1]}\r\nContent-Type: application/x-ndjson`,
      `Content-Length: ${line.length}\r\nConnection: close`,
    ].join('\r\n');
    const { closed } = await connectRaw(t, app, `${head}\r\n\r\n${line}`);
    const text = await closed;
    assert.match(text, /access-control-allow-origin: http:\/\/localhost:5173\r\n/i);
    assert.match(text, /"completed":true/);
  });
});
