// CORS_ORIGINS in a real browser: a page of a named origin enqueues, reads what it needs and cancels; one of another origin
// cannot.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it, type TestContext } from 'node:test';
import { openBrowser } from '../../helpers/browser.ts';
import { browserPath } from '../../helpers/real-parts.ts';
import { startService } from '../../helpers/service.ts';

const skip = browserPath() === undefined && 'no Chromium on this machine';

async function servePage(t: TestContext): Promise<string> {
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<p>A page'),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

// Runs in the page.
const use = `async (url) => {
  const headers = { authorization: 'Bearer 0123456789abcdef', 'content-type': 'application/json', 'idempotency-key': 'k1' };
  const body = JSON.stringify({ operation: 'add', args: { a: 1, b: 2 }, delay_seconds: 600 });
  const post = () => fetch(url + '/jobs', { method: 'POST', headers, body });
  try {
    const [first, again] = [await post(), await post()];
    const { job_id: id } = await first.json();
    const gone = await fetch(url + '/jobs/' + id, { method: 'DELETE', headers });
    const denied = await fetch(url + '/jobs/' + id);
    return {
      statuses: [first.status, again.status, gone.status, denied.status],
      read: [again.headers.get('idempotency-replayed'), first.headers.get('x-request-id') !== null],
    };
  } catch (error) {
    return String(error);
  }
}`;

it('a page of a named origin is a caller, and one of another origin is none', { skip }, async (t) => {
  const [named, other] = [await servePage(t), await servePage(t)];
  const service = startService(t, { CORS_ORIGINS: named, API_KEYS: '0123456789abcdef' });
  const url = await service.readyUrl();
  const browser = await openBrowser(t);
  const seen: unknown[] = [];
  for (const origin of [named, other]) {
    const page = await browser.newPage();
    await page.goto(origin);
    seen.push(await page.evaluate(`(${use})(${JSON.stringify(url)})`));
  }
  assert.deepEqual(seen, [{ statuses: [202, 202, 200, 401], read: ['true', true] }, 'TypeError: Failed to fetch']);
});
