// Which Host headers are answered: a page whose name resolves to 127.0.0.1 must not read or post here.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acceptedHosts } from '../../../src/http/plugins/hosts.ts';
import { build, connectRaw } from '../../helpers/app.ts';

const onLoopback = { address: '127.0.0.1', apiKeys: [], allowedHosts: ['queue.internal', '[fd00::1]'] };
const hosts = acceptedHosts(onLoopback);

describe('the Host on a loopback bind without API keys', () => {
  for (const host of [
    ...['localhost', 'LocalHost:3000', '127.0.0.1', '127.0.0.1:80', '[::1]', '[::1]:3000'],
    ...['queue.internal', 'QUEUE.internal:8080', '[fd00::1]:3000'],
  ])
    it(`answers ${host}`, async (t) => {
      const { get } = build(t, { hosts });
      assert.equal((await get('/health', { host })).statusCode, 200);
    });

  for (const host of [
    ...['evil.example', 'evil.example:3000', 'localhost.evil.example', 'evil-localhost', '127.0.0.1.evil.example'],
    ...['queueXinternal', 'localhost:3000:1', 'localhost@evil.example', 'localhost.', '127.0.0.2'],
  ])
    it(`refuses ${host} on every path, before the body is read`, async (t) => {
      const { get, post, producer } = build(t, { hosts });
      for (const path of ['/metrics', '/health', '/docs', '/jobs/unknown-id', '/nothing'])
        assert.equal((await get(path, { host })).statusCode, 421, path);
      const response = await post('/jobs/add', '{broken', { host });
      const { code, outcome } = response.json();
      assert.deepEqual([response.statusCode, code, outcome], [421, 'misdirected_request', 'not_enqueued']);
      assert.equal(producer.calls.length, 0);
    });

  it('takes the authority of the target before the header', async (t) => {
    const { app, listen } = build(t, { hosts });
    await listen();
    const bytes = 'GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    assert.match(await (await connectRaw(t, app, bytes)).closed, /^HTTP\/1\.1 421 /);
  });

  it('answers HTTP/1.0 without a Host', async (t) => {
    const { app, listen } = build(t, { hosts });
    await listen();
    assert.match(await (await connectRaw(t, app, 'GET /health HTTP/1.0\r\n\r\n')).closed, /^HTTP\/1\.1 200 /);
  });
});

describe('the names that are answered', () => {
  it('are any beyond loopback, and any where a key is asked for', () => {
    assert.equal(acceptedHosts({ ...onLoopback, address: '0.0.0.0' }), undefined);
    assert.equal(acceptedHosts({ ...onLoopback, address: '::' }), undefined);
    assert.equal(acceptedHosts({ ...onLoopback, address: '192.0.2.1' }), undefined);
    assert.equal(acceptedHosts({ ...onLoopback, apiKeys: ['key'] }), undefined);
  });

  it('have the address of the server among them', () => {
    for (const [address, name] of [
      ['127.0.0.2', '127.0.0.2'],
      ['::1', '[::1]'],
    ] as const)
      assert.ok(acceptedHosts({ ...onLoopback, address })?.includes(name));
  });
});
