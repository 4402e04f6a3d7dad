// Who is answered by the program as it is started: own names on loopback, and a word of warning beyond it.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { get, startService } from './helpers/service.ts';

test('the start says once that the API is open to the network without keys, and where it is bound', async (t) => {
  const open = startService(t, { BIND_ADDR: '0.0.0.0:0' });
  assert.match(await open.url(), /^http:\/\/0\.0\.0\.0:\d+$/);
  assert.equal(open.lines.filter(({ msg }) => /BIND_ADDR .* API_KEYS/.test(msg ?? '')).length, 1);
  const closed = startService(t, { BIND_ADDR: '0.0.0.0:0', API_KEYS: 'k'.repeat(16) });
  await closed.url();
  assert.equal(closed.lines.filter(({ msg }) => /API_KEYS/.test(msg ?? '')).length, 0);
});

test('on loopback without keys only own names are answered', async (t) => {
  const { port } = new URL(await startService(t, { ALLOWED_HOSTS: 'queue.internal' }).url());
  const statusFor = (host: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      request({ port, host: '127.0.0.1', path: '/metrics', headers: { host } })
        .on('response', (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
  const statuses = await Promise.all(['localhost', 'queue.internal', 'evil.example'].map(statusFor));
  assert.deepEqual(statuses, [200, 200, 421]);
});

test('operators have their routes on loopback, and elsewhere with keys of their own only', async (t) => {
  const key = 'k'.repeat(16);
  for (const [env, status] of [
    [{}, 200],
    [{ API_KEYS: key }, 401],
    [{ ADMIN_KEYS: key }, 401],
    [{ ALLOWED_HOSTS: 'queue.internal' }, 404],
    [{ TRUSTED_PROXIES: '127.0.0.1' }, 404],
    [{ BIND_ADDR: '0.0.0.0:0' }, 404],
    [{ BIND_ADDR: '0.0.0.0:0', API_KEYS: key }, 404],
    [{ BIND_ADDR: '0.0.0.0:0', ADMIN_KEYS: key }, 401],
  ] as const) {
    const service = startService(t, env);
    const { port } = new URL(await service.url());
    assert.equal((await get(`http://127.0.0.1:${port}/queues`)).status, status, JSON.stringify(env));
    await service.end('SIGKILL');
  }
});
