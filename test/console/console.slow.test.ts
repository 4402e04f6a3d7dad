// The console in a real browser, on the whole program.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import { accessibilityProblems, openBrowser, openPage } from '../helpers/browser.ts';
import { createJobsFolder } from '../helpers/jobs-folder.ts';
import { browserPath } from '../helpers/real-parts.ts';
import { get, post, startService } from '../helpers/service.ts';
import { createSuite } from '../helpers/suite.ts';
import { until } from '../helpers/until.ts';

const skip = browserPath() === undefined && 'no Chromium on this machine';
const markup = '<img src=x onerror="document.title = \'run\'">';

const jobs = {
  'greet.mjs': `import { defineJob, z } from 'work-factory';
export default defineJob({
  name: 'greet',
  args: z.object({ name: z.string().max(20), loud: z.boolean().optional(), times: z.int(), tone: z.enum(['warm', 'cool']).optional(), tags: z.array(z.string()).optional() }),
  run: ({ name, loud, times, tone, tags }) => ({ said: name.repeat(times), loud, tone, tags }),
  examples: [{ args: { name: 'Ada', times: 2 } }],
});`,
  'fails.mjs': `import { defineJob, z } from 'work-factory';
export default defineJob({
  name: 'fails', retry: 5, args: z.object({ text: z.string() }),
  run: ({ text }) => { throw new Error('it says ' + text); },
  examples: [{ args: { text: 'no' } }],
});`,
  'either.mjs': `import { defineJob, z } from 'work-factory';
export default defineJob({
  name: 'either', args: z.union([z.object({ a: z.string() }), z.object({ b: z.number() })]), run: (args) => args,
  examples: [{ args: { a: 'x' } }],
});`,
};

/** The row of a result with this text. */
const result = (page: Page, text: string): Locator => page.locator('#results li', { hasText: text }).last();
const field = (page: Page, name: string): Locator => page.locator('#enqueue-view').getByLabel(name, { exact: false });
const body = (page: Page): Locator => page.getByRole('textbox', { name: /^Body/ });
const problem = (page: Page, text: string | RegExp): Locator => page.locator('.field .problem', { hasText: text });
const toast = (page: Page, text: string | RegExp): Promise<void> => page.locator('#toast', { hasText: text }).waitFor();

async function choose(page: Page, type: string): Promise<void> {
  await page.getByLabel('Job type', { exact: true }).and(page.locator('#type')).selectOption(type);
}

describe('the console in a browser', { skip, concurrency: false }, () => {
  const suite = createSuite();
  let browser: Browser;
  let url: string;
  before(async () => {
    const service = startService(suite, { JOBS_DIR: createJobsFolder(suite, jobs), SHUTDOWN_DRAIN_DELAY_MS: '0' });
    [browser, url] = await Promise.all([openBrowser(suite), service.readyUrl()]);
  });

  it('enqueues a job by the form of its type and shows its result', async (t) => {
    const { page, complaints } = await openPage(t, browser, `${url}/#enqueue`);
    await choose(page, 'greet');
    await field(page, 'name').fill(markup.slice(0, 14));
    await field(page, 'times').fill('2');
    await field(page, 'loud').check();
    await field(page, 'tone').selectOption('cool');
    await field(page, 'tags').fill('["a"]');
    await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
    const row = result(page, 'greet');
    await row.locator('.state', { hasText: 'succeeded' }).waitFor();
    const said = JSON.parse((await row.locator('pre').textContent()) ?? '') as object;
    assert.deepEqual(said, { said: markup.slice(0, 14).repeat(2), loud: true, tone: 'cool', tags: ['a'] });
    assert.deepEqual(complaints, []);
  });

  it('says at its field what is wrong, and keeps what was typed when the body is written as JSON', async (t) => {
    const { page } = await openPage(t, browser, `${url}/#enqueue`);
    await choose(page, 'greet');
    await field(page, 'name').fill('x'.repeat(21));
    await field(page, 'times').fill('many');
    await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
    await problem(page, 'must be a number').waitFor();
    await field(page, 'times').fill('1');
    await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
    await problem(page, /20/).waitFor();
    assert.equal(await field(page, 'name').getAttribute('aria-invalid'), 'true');
    await page.getByLabel('Write the body as JSON').check();
    assert.equal(JSON.parse(await body(page).inputValue()).name, 'x'.repeat(21));
  });

  it('takes JSON where a schema is more than fields can express', async (t) => {
    const { page } = await openPage(t, browser, `${url}/#enqueue`);
    await choose(page, 'either');
    await body(page).fill('{"b": 7}');
    await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
    await result(page, 'either').locator('.state', { hasText: 'succeeded' }).waitFor();
    assert.equal(await result(page, 'either').locator('pre').textContent(), '{"b":7}');
  });

  it('takes a batch and NDJSON, and says of each entry what became of it', async (t) => {
    const { page } = await openPage(t, browser, `${url}/#enqueue`);
    await page.getByLabel('Many jobs').check();
    const add = { operation: 'add', a: 1, b: 2 };
    await page.getByLabel('Entries').fill(JSON.stringify([add, { operation: 'pow', a: 1, b: 2 }]));
    await page.getByRole('button', { name: 'Enqueue all' }).click();
    await result(page, 'Entry 2').getByText('Unknown operation: pow').first().waitFor();
    await page.locator('#results li[data-state=succeeded]').first().waitFor();
    await page.getByLabel('Entries').fill(`${JSON.stringify(add)}\n{"operation"\n${JSON.stringify({ ...add, a: 39 })}`);
    await page.getByRole('button', { name: 'Enqueue all' }).click();
    await toast(page, 'Enqueued 2 of 3 lines');
    await result(page, 'Line 2').waitFor();
    await page.locator('#results li[data-state=succeeded] .said', { hasText: '41' }).waitFor();
  });

  it('shows a failed job as text, and retries and discards it', async (t) => {
    const { page, complaints } = await openPage(t, browser, `${url}/#jobs`);
    // Not `total`: it counts a job that is still being stored, which no page has.
    const untilRetries = (count: number): Promise<void> =>
      until(
        `${count} retries`,
        async () => ((await get(`${url}/sets/retries`)).body['jobs'] as unknown[]).length === count,
      );
    for (const text of [markup, 'again']) await post(`${url}/jobs/fails`, { text });
    await untilRetries(2);
    await page.getByRole('button', { name: /^Refresh/ }).click();
    const row = page.locator('.jobs li', { hasText: 'onerror' });
    await row.getByText(`Error: it says ${markup}`).waitFor();
    await row.locator('summary').click();
    assert.equal(await row.locator('pre').textContent(), JSON.stringify([{ text: markup }], null, 2));
    assert.equal(await page.locator('main img').count(), 0);
    assert.equal(await page.title(), 'Jobs – Work Factory');

    await row.getByRole('button', { name: /^Retry/ }).click();
    await toast(page, 'queued');
    const other = page.locator('.jobs li', { hasText: 'it says again' });
    await other.getByRole('button', { name: /^Discard/ }).click();
    await page.getByRole('button', { name: 'Cancel' }).and(page.locator('#confirm-cancel')).click();
    await other.getByRole('button', { name: /^Discard/ }).click();
    await page.locator('#confirm-yes').click();
    await toast(page, 'discarded');
    // The first one has failed again.
    await untilRetries(1);
    await page.getByRole('searchbox').fill('fails');
    await page.getByRole('button', { name: /^Refresh/ }).click();
    await page.getByRole('button', { name: 'Discard all' }).click();
    await page.locator('#confirm-yes').click();
    await toast(page, 'fails: 1 discarded');
    await page.getByText('No job waits for another attempt').waitFor();
    await page.goto(`${url}/#errors`);
    await page.locator('.troubles', { hasText: markup }).waitFor();
    assert.deepEqual(complaints, []);
  });

  it('looks up a job by its id, and from a failed one', async (t) => {
    const { page, complaints } = await openPage(t, browser, `${url}/#jobs`);
    const dialog = page.locator('#job-dialog');
    const { body: greeted } = await post(`${url}/jobs/greet`, { name: markup.slice(0, 14), times: 1 });
    await page.getByLabel('Look up a job by its id').fill(` ${String(greeted['job_id'])} `);
    await page.keyboard.press('Enter');
    await dialog.getByText('Asking').waitFor({ state: 'hidden' });
    while (!/succeeded/.test((await dialog.textContent()) ?? '')) await page.locator('#job-again').click();
    assert.equal(JSON.parse((await page.locator('#job-end').textContent()) ?? '').said, markup.slice(0, 14));
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.keyboard.press('Escape');
    await page.waitForURL(/#jobs$/);

    const { body: failing } = await post(`${url}/jobs/fails`, { text: 'looked up' });
    const row = page.locator('.jobs li', { hasText: 'looked up' });
    while ((await row.count()) === 0) await page.getByRole('button', { name: /^Refresh/ }).click();
    await row.getByRole('link', { name: String(failing['job_id']) }).click();
    await dialog.getByText('pending: failed, to be retried').waitFor();
    assert.equal(await page.locator('#job-end').textContent(), 'Error: it says looked up');
    await page.waitForURL(/#job\//);
    const shared = page.url();
    await dialog.getByRole('button', { name: 'Close' }).click();
    const other = await openPage(t, browser, shared);
    await other.page.locator('#job-end', { hasText: 'it says looked up' }).waitFor();
    await other.page.goto(`${url}/#job/not-there-0001`);
    await other.page.locator('#job-end', { hasText: 'not known here' }).waitFor();
    assert.deepEqual(complaints, []);
  });

  it('marks what a form needs, and shows why a job that waits for another attempt has failed', async (t) => {
    const { page } = await openPage(t, browser, `${url}/#enqueue`);
    await choose(page, 'greet');
    const needs = async (name: string): Promise<unknown[]> => {
      const input = field(page, name);
      const label = page.locator(`label[for=${await input.getAttribute('id')}] span`).first();
      return [await label.textContent(), await input.getAttribute('aria-required')];
    };
    assert.deepEqual(await needs('name'), [' required', 'true']);
    assert.deepEqual(await needs('tone'), [' optional', null]);
    assert.deepEqual(await needs('request_id'), [' optional', null]);
    await choose(page, 'fails');
    await field(page, 'text').fill('not yet');
    await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
    const row = result(page, 'attempt 1 failed, to be retried: Error: it says not yet');
    await row.locator('.state', { hasText: 'pending' }).waitFor();
  });

  it('warns of dead jobs, which are no fault of the service', async (t) => {
    const { page } = await openPage(t, browser, url);
    const shown = page.locator('.of-dead dd');
    await shown.getByText('0').waitFor();
    assert.equal(await shown.getAttribute('data-tone'), '');
    await post(`${url}/jobs`, { operation: 'fails', args: { text: 'dead' }, retry: -1 });
    await page.locator('.of-dead dd[data-tone=warn]', { hasText: '1' }).waitFor();
    await page.locator('#state', { hasText: 'Live' }).waitFor();
    assert.equal(await page.locator('#checks li[data-ok=false]').count(), 0);
    await page.getByRole('link', { name: 'Jobs' }).click();
    await page.locator('.tab b[data-tone=warn]', { hasText: '1' }).waitFor();
  });

  it('can be worked by the keyboard alone', async (t) => {
    const { page } = await openPage(t, browser, `${url}/#jobs`);
    await page.locator('body').press('Tab');
    assert.equal(await page.locator(':focus').textContent(), 'Skip to content');
    await page.keyboard.press('Enter');
    await page.locator('#main:focus').waitFor();
    assert.match(page.url(), /#jobs$/);
    await post(`${url}/jobs/fails`, { text: 'by keyboard' });
    const row = page.locator('.jobs li', { hasText: 'by keyboard' });
    while ((await row.count()) === 0) await page.getByRole('button', { name: /^Refresh/ }).press('Enter');
    const discard = row.getByRole('button', { name: /^Discard/ });
    await discard.focus();
    await page.keyboard.press('Enter');
    await page.locator('#confirm-dialog[open]').waitFor();
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.keyboard.press('Escape');
    // The focus is where it was.
    await page.locator('[aria-label^="Discard fails"]:focus').waitFor();
    await page.keyboard.press('Enter');
    await page.locator('#confirm-cancel').press('Tab');
    await page.keyboard.press('Enter');
    await toast(page, 'discarded');
    await page.locator(':focus').waitFor();
  });

  it('pauses and resumes a queue', async (t) => {
    await post(`${url}/jobs/add`, { a: 1, b: 2 });
    const { page } = await openPage(t, browser, url);
    await page.getByRole('button', { name: 'Pause default' }).click();
    await page.getByRole('button', { name: 'Resume default' }).waitFor();
    const { queues } = (await get(`${url}/queues`)).body as { queues: { name: string; paused: boolean }[] };
    assert.equal(queues.find(({ name }) => name === 'default')?.paused, true);
    await page.getByRole('button', { name: 'Resume default' }).click();
    await page.getByRole('button', { name: 'Pause default' }).waitFor();
  });
});
