// The console for everybody: axe-core finds nothing, nothing moves by itself, and it fits, in both schemes, wide and narrow.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { accessibilityProblems, openBrowser, openPage } from '../helpers/browser.ts';
import { createJobsFolder } from '../helpers/jobs-folder.ts';
import { browserPath } from '../helpers/real-parts.ts';
import { get, post, startService } from '../helpers/service.ts';
import { createSuite } from '../helpers/suite.ts';

const skip = browserPath() === undefined && 'no Chromium on this machine';

const fails = `import { defineJob, z } from 'work-factory';
export default defineJob({
  name: 'fails', args: z.object({ text: z.string() }), run: ({ text }) => { throw new Error(text); },
  examples: [{ args: { text: 'no' } }],
});`;

describe('the console for everybody', { skip, concurrency: false }, () => {
  const suite = createSuite();
  let browser: Browser;
  let url: string;
  before(async () => {
    const service = startService(suite, { JOBS_DIR: createJobsFolder(suite, { 'fails.mjs': fails }) });
    [browser, url] = await Promise.all([openBrowser(suite), service.readyUrl()]);
    await post(`${url}/jobs/fails`, { text: `${'long '.repeat(40)}${'x'.repeat(200)}` });
    while ((await get(`${url}/sets/retries`)).body['total'] !== 1)
      await new Promise((resolve) => setImmediate(resolve));
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
        }
      });
});
