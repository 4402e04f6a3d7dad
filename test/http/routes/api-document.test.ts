// The API document equals the routes, and its page needs nothing from outside.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { declaredRegistry } from '../../helpers/declared-types.ts';
import { exampleOf, operationNames } from '../../helpers/jobs.ts';
import { build } from '../../helpers/app.ts';
import { idleOperator as operator } from '../../helpers/idle-operator.ts';
import { keyPattern } from '../../../src/http/once/idempotency-key.ts';

interface Document {
  paths: Record<
    string,
    Record<
      string,
      {
        requestBody?: {
          required?: boolean;
          content: Record<string, { schema: object; example: object; examples?: Record<string, { value: unknown }> }>;
        };
        parameters?: { name: string; schema: { pattern?: string } }[];
        responses: Record<string, { content: object }>;
        security?: object[];
      }
    >
  >;
  components: { schemas: Record<string, { properties: object }>; securitySchemes?: object };
}

describe('/', () => {
  it('leads to the page', async (t) => {
    const { statusCode, headers } = await build(t).get('/');
    assert.deepEqual([statusCode, headers.location], [302, 'docs/']);
  });
});

describe('/openapi.json', () => {
  it('has exactly the routes that are served, the pages about them left out', async (t) => {
    const { app, get } = build(t);
    const served: string[] = [];
    await app.ready();
    const { paths } = (await get('/openapi.json')).json<Document>();
    for (const [path, methods] of Object.entries(paths)) {
      for (const method of Object.keys(methods)) {
        served.push(`${method.toUpperCase()} ${path}`);
        const url = path.replaceAll(/\{(\w+)\}/g, ':$1');
        assert.ok(app.hasRoute({ method: method.toUpperCase(), url }), `${method} ${url}`);
      }
    }
    const expected = [
      ...operationNames.map((name) => `POST /jobs/${name}`),
      'POST /jobs',
      'POST /jobs/batch',
      'POST /jobs/stream',
      'DELETE /jobs/{job_id}',
      'GET /jobs/{job_id}',
      'GET /health',
      'GET /ready',
      'GET /metrics',
    ];
    assert.deepEqual(served.sort(), expected.sort());
  });

  it('describes each operation by its own row', async (t) => {
    const { paths } = (await build(t).get('/openapi.json')).json<Document>();
    for (const name of operationNames) {
      const content = paths[`/jobs/${name}`]?.['post']?.requestBody?.content['application/json'];
      const schema = content?.schema as { required: string[]; properties: { b: object } };
      assert.deepEqual(schema.required, ['a', 'b']);
      assert.deepEqual(content?.example, exampleOf(name).args);
      assert.deepEqual('not' in schema.properties.b, name === 'divide');
    }
  });

  it('gives examples that their routes accept', async (t) => {
    const { get, post } = build(t, { registry: declaredRegistry });
    const { paths } = (await get('/openapi.json')).json<Document>();
    let sent = 0;
    for (const [path, { post: operation }] of Object.entries(paths)) {
      const content = operation?.requestBody?.content['application/json'];
      const examples = content?.example
        ? [content.example]
        : Object.values(content?.examples ?? {}).map((one) => one.value);
      for (const example of examples) {
        const response = await post(path, example);
        assert.equal(response.statusCode, 202, `${path} ${JSON.stringify(example)}: ${response.payload}`);
        sent += 1;
      }
    }
    assert.ok(sent >= declaredRegistry.types.length * 3, `${sent} examples`);
  });

  it('describes problems once, and keys only when there are any', async (t) => {
    const open = (await build(t).get('/openapi.json')).json<Document>();
    assert.deepEqual(Object.keys(open.components.schemas), ['Problem']);
    assert.equal(open.components.securitySchemes, undefined);
    const guarded = (await build(t, { apiKeys: ['0123456789abcdef'] }).get('/openapi.json')).json<Document>();
    assert.deepEqual(guarded.components.securitySchemes, { key: { type: 'http', scheme: 'bearer' } });
  });

  it('has 401 and the key exactly on the routes that want one', async (t) => {
    for (const apiKeys of [['0123456789abcdef'], []]) {
      const { app, get } = build(t, { apiKeys, operator });
      const document = (await get('/openapi.json')).json<Document & { security?: object }>();
      assert.equal(document.security, undefined);
      const guarded: string[] = [];
      for (const [path, methods] of Object.entries(document.paths))
        for (const [method, { responses, security }] of Object.entries(methods)) {
          const url = path.replace('{job_id}', 'some-long-id').replace('{set}', 'dead').replace('{name}', 'default');
          const { statusCode } = await app.inject({ method: method as 'GET' | 'POST', url });
          const wantsKey = statusCode === 401;
          assert.deepEqual(['401' in responses, security !== undefined], [wantsKey, wantsKey], path);
          if (wantsKey) guarded.push(path);
        }
      assert.equal(guarded.includes('/metrics'), apiKeys.length > 0);
      assert.ok(!guarded.includes('/health') && !guarded.includes('/ready'));
    }
  });

  it('has a body, with its content type, on every route that wants one', async (t) => {
    const { app, get } = build(t, { operator });
    const { paths } = (await get('/openapi.json')).json<Document>();
    for (const [path, methods] of Object.entries(paths))
      for (const [name, { requestBody }] of Object.entries(methods)) {
        const method = name.toUpperCase() as 'GET' | 'POST' | 'DELETE';
        const url = path.replace('{job_id}', 'some-long-id').replace('{set}', 'dead');
        const { statusCode } = await app.inject({ method, url });
        const isRefused = [400, 415, 422].includes(statusCode);
        assert.deepEqual([requestBody?.required === true, isRefused], Array(2).fill(method !== 'GET'), path);
        const [type = ''] = Object.keys(requestBody?.content ?? {});
        // A stream wants a real socket.
        if (requestBody === undefined || path === '/jobs/stream') continue;
        const response = await app.inject({ method, url, headers: { 'content-type': type }, payload: '{}' });
        assert.notEqual(response.statusCode, 415, path);
      }
  });

  it('has what any route can answer on every one, and 405 where a name of another route fits', async (t) => {
    const { paths } = (await build(t, { operator }).get('/openapi.json')).json<Document>();
    for (const [path, methods] of Object.entries(paths))
      for (const { responses } of Object.values(methods))
        for (const status of [400, 417, 431, 500]) assert.ok(status in responses, `${path} ${status}`);
    for (const method of ['get', 'delete']) assert.ok('405' in (paths['/jobs/{job_id}']?.[method]?.responses ?? {}));
  });

  it('says which keys, jobtypes and choices of jobs are taken', async (t) => {
    const { get, post } = build(t, { operator, passthroughJobtypes: ['Report*', 'a.b'] });
    const { paths } = (await get('/openapi.json')).json<Document>();
    const [header] = paths['/jobs/add']?.['post']?.parameters ?? [];
    assert.deepEqual([header?.name, header?.schema.pattern], ['idempotency-key', keyPattern.source]);
    const entry = JSON.stringify(paths['/jobs']?.['post']?.requestBody);
    const pattern = new RegExp(JSON.parse(/"pattern":("\^\(\?:.*?")/.exec(entry)?.[1] ?? '""') as string);
    for (const jobtype of ['Reporter', 'Report', 'a.b', 'a.bc', 'aXb', 'xReport']) {
      const { statusCode } = await post('/jobs', { jobtype, args: [], queue: 'theirs' });
      assert.equal(statusCode === 202, pattern.test(jobtype), jobtype);
    }
    const body = paths['/sets/{set}/retry']?.['post']?.requestBody?.content['application/json'];
    const { oneOf } = body?.schema as { oneOf: object[] };
    assert.deepEqual(oneOf, [{ required: ['jobtype'] }, { required: ['job_ids'] }]);
  });

  it('has 421 on every route where names are checked, and on none otherwise', async (t) => {
    for (const [hosts, has] of [
      [['localhost'], true],
      [undefined, false],
    ] as const) {
      const headers = { host: 'localhost' };
      const { paths } = (await build(t, { hosts }).get('/openapi.json', headers)).json<Document>();
      for (const [path, methods] of Object.entries(paths))
        for (const { responses } of Object.values(methods)) assert.equal('421' in responses, has, path);
    }
  });

  it('refers to nothing that is missing', async (t) => {
    const { payload } = await build(t).get('/openapi.json');
    const references = [...payload.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference);
    assert.ok(references.length > 0);
    assert.deepEqual([...new Set(references)], ['#/components/schemas/Problem']);
  });
});

describe('/docs', () => {
  it('loads everything from this service, under a policy that allows nothing else', async (t) => {
    const { get } = build(t);
    const page = await get('/docs/');
    assert.equal(page.statusCode, 200);
    const policy = String(page.headers['content-security-policy']);
    assert.match(policy, /default-src 'self';/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /http/);
    assert.equal(page.headers['x-content-type-options'], 'nosniff');
    const files = [...page.payload.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file as string);
    assert.ok(files.length > 3);
    for (const file of files) {
      assert.match(file, /^\.\//);
      assert.equal((await get(`/docs/${file.slice(2)}`)).statusCode, 200, file);
    }
    // No script inside the page: the policy would stop it.
    assert.doesNotMatch(page.payload, /<script(?![^>]*src=)/);
  });

  it('answers what it cannot give with a problem', async (t) => {
    const { get } = build(t);
    const file = '/docs/static/swagger-ui.css';
    const cases: [string, Record<string, string>, number][] = [
      ['/docs/static/nothing.css', {}, 404],
      ['/docs/static/..%2f..%2fpackage.json', {}, 404],
      ['/docs/static/index.html/..%00', {}, 400],
      [file, { 'if-match': '"x"' }, 400],
      [file, { range: 'bytes=999999999-' }, 400],
    ];
    for (const [path, headers, status] of cases) {
      const response = await get(path, headers);
      assert.deepEqual([path, response.statusCode], [path, status]);
      assert.equal(response.headers['content-type'], 'application/problem+json');
    }
  });
});

describe('a proxy that strips a prefix', () => {
  it('leads to the page, its files, its document and the errors', async (t) => {
    const url = await build(t).listen();
    const proxy = createServer((request, response) => {
      const path = request.url?.startsWith('/prefix/') ? request.url.slice('/prefix'.length) : undefined;
      if (path === undefined) return void response.writeHead(410).end();
      void fetch(url + path, { redirect: 'manual' }).then(async (served) => {
        const location = served.headers.get('location');
        response.writeHead(served.status, location === null ? {} : { location });
        response.end(Buffer.from(await served.arrayBuffer()));
      });
    });
    t.after(() => proxy.close().closeAllConnections());
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const base = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/prefix/`;
    for (const path of ['', 'docs', 'docs?x=1', 'docs/', 'docs/?x=1', 'docs/static/index.html']) {
      const page = await fetch(base + path);
      assert.deepEqual([page.status, page.url], [200, `${base}docs/`], path);
      const files = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file as string);
      assert.ok(files.length > 3);
      // The page's script reads it from there.
      for (const file of [...files, './json', 'errors'])
        assert.equal((await fetch(new URL(file, page.url))).status, 200, file);
    }
    const document = (await (await fetch(`${base}docs/json`)).json()) as { servers: [{ url: string }] };
    assert.equal(new URL(document.servers[0].url, `${base}docs/json`).href, base);
  });
});
