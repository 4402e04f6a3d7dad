// Who is answered by the program as it is started: own names on loopback, and a word of warning beyond it.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { startService } from './helpers/service.ts';

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
        .on('response', (answer) => resolve(answer.resume().statusCode))
        .on('error', reject)
        .end();
    });
  const statuses = await Promise.all(['localhost', 'queue.internal', 'evil.example'].map(statusFor));
  assert.deepEqual(statuses, [200, 200, 421]);
});
