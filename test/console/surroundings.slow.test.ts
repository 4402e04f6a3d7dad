// The console where it has to get along: keys, a proxy that strips a prefix, a service that goes away, Faktory.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { before, describe, it, type TestContext } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { accessibilityProblems, openBrowser, openPage } from '../helpers/browser.ts';
import { startFaktory } from '../helpers/real-faktory.ts';
import { browserPath, faktoryPath } from '../helpers/real-parts.ts';
import { post, startService } from '../helpers/service.ts';
import { createSuite } from '../helpers/suite.ts';

const skip = browserPath() === undefined && 'no Chromium on this machine';
const apiKey = 'api-key-of-16-bytes';
const adminKey = 'admin-key-of-16-byt';

const state = (page: Page, text: string | RegExp): Promise<void> => page.locator('#state', { hasText: text }).waitFor();
const enqueued = (page: Page): Promise<void> =>
  page.locator('#results li', { hasText: 'add' }).locator('.state', { hasText: 'succeeded' }).waitFor();

async function giveKey(page: Page, key: string): Promise<void> {
  await page.getByLabel('Key', { exact: true }).fill(key);
  await page.getByRole('button', { name: 'Use key' }).click();
}

/** Serves what is at `url` below /prefix/, as it comes. */
async function openProxy(t: Pick<TestContext, 'after'>, url: string): Promise<string> {
  const proxy = createServer((asked, response) => {
    if (!asked.url?.startsWith('/prefix/')) return void response.writeHead(410).end();
    const { method, headers } = asked;
    const passed = request(`${url}${asked.url.slice('/prefix'.length)}`, { method, headers }, (served) => {
      response.writeHead(served.statusCode ?? 0, served.headers);
      served.pipe(response);
    });
    passed.on('error', () => response.destroy());
    response.on('close', () => passed.destroy());
    asked.pipe(passed);
  });
  t.after(() => proxy.close().closeAllConnections());
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/prefix/`;
}

describe('the console', { skip, concurrency: false }, () => {
  const suite = createSuite();
  let browser: Browser;
  before(async () => (browser = await openBrowser(suite)));

  it('asks for a key of an operator and for one of a caller, again when one is wrong, and keeps them in its tab', async (t) => {
    const service = startService(t, { API_KEYS: apiKey, ADMIN_KEYS: `ops:${adminKey}`, SHUTDOWN_DRAIN_DELAY_MS: '0' });
    const url = await service.readyUrl();
    const { page, complaints } = await openPage(t, browser, url);
    await page.locator('#key-why', { hasText: 'ADMIN_KEYS' }).waitFor();
    assert.deepEqual(await accessibilityProblems(page), []);
    await giveKey(page, 'no key');
    await page.getByText('no blank').waitFor();
    await giveKey(page, 'a-wrong-key-of-16-b');
    await page.getByText('The key was not accepted').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).and(page.locator('#key-cancel')).click();
    await state(page, 'Enter a key');
    await page.getByRole('button', { name: 'Enter key' }).click();
    await giveKey(page, adminKey);
    await state(page, 'Live');
    await page.getByRole('link', { name: 'Jobs' }).click();
    await page.getByText('No job waits for another attempt').waitFor();
    await page.getByRole('link', { name: 'Enqueue' }).click();
    await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
    await page.locator('#key-why', { hasText: 'API_KEYS' }).waitFor();
    await giveKey(page, apiKey);
    await enqueued(page);
    await page.reload();
    await state(page, 'Live');
    await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
    await enqueued(page);
    assert.doesNotMatch(page.url(), /key/);
    // The browser itself notes each 401.
    assert.deepEqual([...new Set(complaints)], ['Failed to load resource: the server responded with a status of 401 (Unauthorized)']); // prettier-ignore
    await service.end();
  });

  it('enqueues where nobody operates the service, and says what is missing', async (t) => {
    const service = startService(t, { API_KEYS: apiKey, ALLOWED_HOSTS: 'x.example', SHUTDOWN_DRAIN_DELAY_MS: '0' });
    const { page } = await openPage(t, browser, await service.readyUrl());
    await state(page, 'No live figures');
    await page.getByText('Queues, jobs and figures are shown once ADMIN_KEYS is set').waitFor();
    await page.getByRole('link', { name: 'Enqueue' }).click();
    await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
    await giveKey(page, apiKey);
    await enqueued(page);
    await service.end();
  });

  it('works behind a proxy that strips a prefix', async (t) => {
    const service = startService(t, { SHUTDOWN_DRAIN_DELAY_MS: '0' });
    const { page, complaints } = await openPage(t, browser, await openProxy(t, await service.readyUrl()));
    await state(page, 'Live');
    await page.getByRole('link', { name: 'Enqueue' }).click();
    await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
    await enqueued(page);
    await page.getByRole('link', { name: 'Error codes' }).click();
    await page.getByRole('heading', { name: 'Errors' }).waitFor();
    assert.deepEqual(complaints, []);
    await service.end();
  });

  it('lets go of its connection while nobody sees it', async (t) => {
    const service = startService(t, { SHUTDOWN_DRAIN_DELAY_MS: '0' });
    const { page } = await openPage(t, browser, await service.readyUrl());
    await state(page, 'Live');
    const show = (isHidden: boolean): Promise<unknown> =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));`,
      );
    const gone = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/console/events'));
    await show(true);
    await gone;
    const again = page.waitForRequest((request) => request.url().endsWith('/console/events'));
    await show(false);
    await again;
    await state(page, 'Live');
    await service.end();
  });

  it('does not hold up the end of the service, says that it is gone, and goes on when it is back', async (t) => {
    const first = startService(t, { SHUTDOWN_DRAIN_DELAY_MS: '0' });
    const url = await first.readyUrl();
    const { page } = await openPage(t, browser, url);
    await state(page, 'Live');
    assert.equal(await first.end(), 0);
    await state(page, 'Connecting again');
    const second = startService(t, { BIND_ADDR: new URL(url).host, SHUTDOWN_DRAIN_DELAY_MS: '0' });
    await second.readyUrl();
    await state(page, 'Live');
    await second.end();
  });

  it(
    'counts what Faktory holds, leads to its own page, and pauses its queues',
    { skip: faktoryPath() === undefined && 'no Faktory on this machine' },
    async (t) => {
      const faktory = await startFaktory(t);
      const env = { FAKTORY_URL: faktory.url, API_PROCESSES: '2', SHUTDOWN_DRAIN_DELAY_MS: '0' };
      const service = startService(t, env, 'api');
      await service.line(({ msg }) => msg === 'the API processes are ready');
      const url = await service.readyUrl();
      assert.equal((await post(`${url}/jobs/add`, { a: 1, b: 2 })).status, 202);
      assert.equal(
        (await post(`${url}/jobs`, { operation: 'add', args: { a: 1, b: 2 }, delay_seconds: 3600 })).status,
        202,
      );
      const { page } = await openPage(t, browser, url);
      await page.locator('#about', { hasText: 'of all API processes' }).waitFor();
      await page.locator('.of-scheduled dd', { hasText: '1' }).waitFor();
      await page.getByRole('button', { name: 'Pause default' }).click();
      await page.locator('#toast', { hasText: 'default is paused' }).waitFor();
      await page.getByRole('button', { name: 'Resume default' }).click();
      await page.locator('#toast', { hasText: 'is resumed' }).waitFor();
      await page.getByRole('link', { name: 'Jobs' }).click();
      const link = page.locator('#job-list .note a');
      await link.waitFor();
      assert.match((await link.getAttribute('href')) ?? '', /^http:\/\/127\.0\.0\.1:7420/);
      // Results are not kept without RESULTS_URL.
      await page.getByRole('link', { name: 'Enqueue' }).click();
      await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
      await page.locator('#results li', { hasText: 'RESULTS_URL is not set' }).waitFor();
      await faktory.kill('SIGKILL');
      await state(page, 'Not ready: broker');
    },
  );
});
