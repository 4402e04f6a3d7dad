// Who may operate the service over HTTP.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { idleOperator } from '../../helpers/idle-operator.ts';
import { createFakeClock } from '../../helpers/fake-clock.ts';
import { build } from '../../helpers/app.ts';

const operator = idleOperator;
const paths = ['/queues', '/sets/dead', '/cron'];
const apiKey = 'api-key-of-16-bytes';
const adminKey = 'ops:admin-key-of-16-b';
const bearer = (key: string) => ({ authorization: `Bearer ${key.replace('ops:', '')}` });

describe('the routes of operators', () => {
  it('do not exist where nobody operates the service', async (t) => {
    const { get } = build(t, { operator: undefined });
    for (const path of paths) assert.equal((await get(path)).statusCode, 404);
    assert.doesNotMatch((await get('/openapi.json')).payload, /"\/queues"/);
  });

  it('are in the API document, with the key that they want', async (t) => {
    const { get } = build(t, { operator, adminKeys: [adminKey] });
    const { paths } = (await get('/openapi.json')).json<{
      paths: Record<string, Record<string, { security?: object[] }>>;
    }>();
    const own = Object.entries(paths).filter(([path]) => /^\/(queues|sets)/.test(path));
    assert.equal(own.length, 10);
    for (const [path, methods] of own)
      for (const { security } of Object.values(methods)) assert.deepEqual(security, [{ key: [] }], path);
  });

  it('want what /jobs wants, or a key of an operator where there are such keys', async (t) => {
    for (const [keys, ...expected] of [
      [{}, 200, 200, 200],
      [{ apiKeys: [apiKey] }, 401, 200, 401],
      [{ adminKeys: [adminKey] }, 401, 401, 200],
      [{ apiKeys: [apiKey], adminKeys: [adminKey] }, 401, 401, 200],
    ] as const) {
      const { get } = build(t, { operator, ...keys });
      for (const path of paths) {
        const responses = [await get(path), await get(path, bearer(apiKey)), await get(path, bearer(adminKey))];
        assert.deepEqual(
          responses.map(({ statusCode }) => statusCode),
          expected,
          `${path} ${JSON.stringify(keys)}`,
        );
      }
    }
    const { get } = build(t, { operator, apiKeys: [apiKey], adminKeys: [adminKey] });
    assert.equal((await get('/metrics', bearer(adminKey))).statusCode, 401);
  });

  it('are told from paths that do not exist, and have their methods', async (t) => {
    const { del, get } = build(t, { operator });
    for (const path of paths) {
      const response = await del(path);
      assert.deepEqual([response.statusCode, response.headers.allow], [405, 'GET, HEAD'], path);
    }
    for (const path of ['/queues/', '/queues/a/b', '/sets', '/sets/a/b/c/d'])
      assert.equal((await get(path)).statusCode, 404);
  });

  it('take no request that a page of another site can make a browser send', async (t) => {
    const acted: string[] = [];
    const recording = { ...operator, setPaused: async (queue: string) => acted.push(queue) > 0 };
    const { app } = build(t, { operator: recording });
    const json = { 'content-type': 'application/json' };
    for (const [headers, status] of [
      [json, 200],
      [{ 'content-type': 'Application/JSON; charset=utf-8' }, 200],
      [{}, 415],
      [{ 'content-type': 'text/plain' }, 415],
      [{ 'content-type': 'application/x-www-form-urlencoded' }, 415],
      [{ 'content-type': 'application/jsonp' }, 415],
      [{ ...json, 'sec-fetch-site': 'same-origin', origin: 'http://localhost' }, 200],
      [{ ...json, 'sec-fetch-site': 'same-site' }, 403],
      [{ ...json, 'sec-fetch-site': 'cross-site', origin: 'http://localhost' }, 403],
      [{ ...json, 'sec-fetch-site': 'none' }, 403],
      [{ ...json, origin: 'http://localhost' }, 200],
      [{ ...json, origin: 'https://localhost' }, 200],
      [{ ...json, origin: 'http://localhost:8080' }, 403],
      [{ ...json, origin: 'http://evil.example' }, 403],
      [{ ...json, origin: 'null' }, 403],
    ] as const) {
      const before = acted.length;
      const request = { method: 'POST', url: '/queues/q/pause', headers: { host: 'localhost', ...headers } } as const;
      const response = await app.inject(request);
      assert.equal(response.statusCode, status, JSON.stringify(headers));
      assert.equal(acted.length - before, status === 200 ? 1 : 0);
      if (status === 403) assert.equal(response.json().code, 'cross_origin');
    }
    const job = await app.inject({ method: 'DELETE', url: `/jobs/${'x'.repeat(8)}`, headers: { host: 'localhost' } });
    assert.equal(job.statusCode, 415);
  });

  it('refuse fields that they do not have', async (t) => {
    const { post } = build(t, { operator });
    for (const path of ['/queues/images/pause', '/queues/images/resume', '/sets/dead/some-long-id/retry']) {
      assert.equal((await post(path, { force: true })).statusCode, 422, path);
      assert.equal((await post(path, {})).statusCode, 200, path);
    }
  });

  it('leave a line that names the key', async (t) => {
    const { post, log } = build(t, { operator, adminKeys: [adminKey] });
    const lines = () => log.filter(({ msg }) => msg === 'an operator acted');
    await post('/queues/images/pause', {});
    assert.equal(lines().length, 0);
    await post('/queues/images/pause', {}, bearer(adminKey));
    const { outcome, action, queue, key_name: keyName, request_id: requestId } = lines()[0] ?? {};
    assert.deepEqual([outcome, action, queue, keyName], ['done', 'pause', 'images', 'ops']);
    assert.match(String(requestId), /./);
    await post('/sets/dead/retry', { jobtype: 'a' }, bearer(adminKey));
    assert.deepEqual([lines()[1]?.['affected'], lines()[1]?.['jobtype']], [1, 'a']);
    assert.ok(!JSON.stringify(log).includes('admin-key-of'));
  });

  it('answer 504 to an action that takes too long, and 503 to more than a few of them', async (t) => {
    const clock = createFakeClock();
    const ends: (() => void)[] = [];
    const slow = { ...operator, change: () => new Promise<number>((resolve) => ends.push(() => resolve(1))) };
    const { post, log } = build(t, { operator: slow, clock, enqueueTimeoutMs: 1000 });
    const started = Array.from({ length: 32 }, () => post('/sets/dead/kill', { jobtype: 'a' }));
    while (ends.length < 32) await new Promise((resolve) => setImmediate(resolve));
    const more = await post('/sets/dead/kill', { jobtype: 'a' });
    assert.deepEqual([more.statusCode, more.json().code], [503, 'overloaded']);
    clock.advance(1000);
    for (const response of await Promise.all(started)) assert.equal(response.json().code, 'outcome_unknown');
    assert.equal(log.filter(({ outcome }) => outcome === 'outcome_unknown').length, 32);
    // They still are under way.
    assert.equal((await post('/sets/dead/kill', { jobtype: 'a' })).statusCode, 503);
    ends.splice(0).forEach((end) => end());
    await new Promise((resolve) => setImmediate(resolve));
    const last = post('/sets/dead/kill', { jobtype: 'a' });
    while (ends.length === 0) await new Promise((resolve) => setImmediate(resolve));
    ends.forEach((end) => end());
    assert.equal((await last).statusCode, 200);
  });
});
