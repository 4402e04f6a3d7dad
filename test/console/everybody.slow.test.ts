// The console for everybody: axe-core finds nothing, nothing moves by itself, and it fits, in both schemes, wide and narrow.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { accessibilityProblems, openBrowser, openPage } from '../helpers/browser.ts';
import { createJobsFolder } from '../helpers/jobs-folder.ts';
import { browserPath } from '../helpers/real-parts.ts';
import { get, post, startService } from '../helpers/service.ts';
import { createSuite } from '../helpers/suite.ts';
import { until } from '../helpers/until.ts';

const skip = browserPath() === undefined && 'no Chromium on this machine';

const fails = `import { defineJob, z } from 'work-factory';
export default defineJob({
  name: 'fails', args: z.object({ text: z.string() }), run: ({ text }) => { throw new Error(text); },
  examples: [{ args: { text: 'no' } }],
});`;

/** Room in the lists of queues and of job types in which there is nothing. */
const blankRows = (page: Page): Promise<number[]> =>
  page.evaluate(
    `['queue-list', 'type-list'].map((id) => {
      const list = document.getElementById(id);
      return Math.floor((list.clientHeight - list.querySelector('table').offsetHeight) / 36);
    })`,
  );

describe('the console for everybody', { skip, concurrency: false }, () => {
  const suite = createSuite();
  let browser: Browser;
  let url: string;
  before(async () => {
    const service = startService(suite, { JOBS_DIR: createJobsFolder(suite, { 'fails.mjs': fails }) });
    [browser, url] = await Promise.all([openBrowser(suite), service.readyUrl()]);
    await post(`${url}/jobs/fails`, { text: `${'long '.repeat(40)}${'x'.repeat(200)}` });
    await post(`${url}/jobs`, { operation: 'fails', args: { text: 'dead' }, retry: -1 });
    // Not `total`: it counts a job that is still being stored, which no page has.
    for (const set of ['retries', 'dead'])
      await until(
        `a job in ${set}`,
        async () => ((await get(`${url}/sets/${set}`)).body['jobs'] as unknown[]).length === 1,
      );
  });

  for (const colorScheme of ['light', 'dark'] as const)
    for (const width of [1280, 390])
      it(`can be used, and stays where it is: ${colorScheme}, ${width} px`, async (t) => {
        for (const view of ['overview', 'jobs', 'enqueue', 'errors']) {
          const { page, complaints, shifts } = await openPage(t, browser, `${url}/#${view}`, { colorScheme, width });
          await page.locator('#state', { hasText: 'Live' }).waitFor();
          // Figures have come several times.
          await page.locator('.chart path[d*=L]').first().waitFor({ state: 'attached' });
          assert.deepEqual(await accessibilityProblems(page), [], view);
          assert.deepEqual(await shifts(), [], view);
          assert.deepEqual(complaints, [], view);
          const widest = await page.evaluate('document.documentElement.scrollWidth');
          assert.ok((widest as number) <= width, `${view} is ${String(widest)} px wide`);
          const overhang = await page.evaluate('document.documentElement.scrollHeight - innerHeight');
          if (width === 1280 && view !== 'overview') assert.equal(overhang, 0, `${view} has nothing to scroll to`);
          if (width === 1280 && view === 'overview') assert.deepEqual(await blankRows(page), [0, 0]);
        }
      });

  for (const colorScheme of ['light', 'dark'] as const)
    it(`explains its words, and a job, to everybody: ${colorScheme}`, async (t) => {
      const { body } = await get(`${url}/sets/dead`);
      const [dead] = body['jobs'] as { job_id: string }[];
      const { page } = await openPage(t, browser, `${url}/#job/${String(dead?.job_id)}`, { colorScheme, width: 390 });
      await page.locator('#job-end', { hasText: 'Error: dead' }).waitFor();
      assert.deepEqual(await accessibilityProblems(page), []);
      await page.locator('#job-close').click();
      await page.getByRole('button', { name: 'What the words mean' }).click();
      await page.locator('#words[open]').waitFor();
      assert.deepEqual(await accessibilityProblems(page), []);
    });
});
