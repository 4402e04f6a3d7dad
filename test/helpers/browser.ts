// A real Chromium for a test, and pages of which every complaint is noted.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import axe from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';
import { spawnChild } from './children.ts';
import { browserPath } from './real-parts.ts';

type Ends = Pick<TestContext, 'after'>;

const flags = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--remote-debugging-port=0',
];

/** Ends with the test: it is a child like any other, and not one of playwright's own. */
export async function openBrowser(t: Ends): Promise<Browser> {
  const path = browserPath();
  if (path === undefined) throw new Error('Chromium is not here: see test/helpers/real-parts.ts');
  const folder = mkdtempSync(join(tmpdir(), 'chromium-'));
  const child = spawnChild(path, [...flags, `--user-data-dir=${folder}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const closed = once(child, 'close');
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  let address: string | undefined;
  while ((address = /DevTools listening on (\S+)/.exec(text)?.[1]) === undefined)
    await Promise.race([
      once(child.stderr, 'data'),
      closed.then(() => {
        throw new Error(`Chromium did not start: ${text}`);
      }),
    ]);
  const browser = await chromium.connectOverCDP(address);
  t.after(async () => {
    await browser.close();
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    await closed;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return browser;
}

export interface OpenPage {
  page: Page;
  /** Errors and warnings of its console, exceptions, and what its policy has stopped. */
  complaints: string[];
  /** How far things have moved by themselves, as Layout Instability scores it. */
  shifts(): Promise<readonly { value: number; nodes: string[] }[]>;
}

interface PageOptions {
  colorScheme?: 'light' | 'dark';
  width?: number;
}

// Runs in the page, before its own scripts.
const observe = `
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries())
      if (!hadRecentInput)
        window.shifts.push({ value, nodes: sources.map(({ node }) => (node?.outerHTML ?? node?.data ?? 'gone').slice(0, 150)) });
  }).observe({ type: 'layout-shift', buffered: true });
  addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sourceFile }) =>
    console.error('policy', violatedDirective, blockedURI, sourceFile));`;

export async function openPage(
  t: Ends,
  browser: Browser,
  url: string,
  { colorScheme = 'light', width = 1280 }: PageOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 } });
  t.after(() => context.close());
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.addInitScript(observe);
  await page.goto(url);
  return { page, complaints, shifts: () => page.evaluate('window.shifts') };
}

/** What axe-core finds wrong with the page as it is, each rule with the elements that break it. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate<{
    violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
  }>(`axe.run(document, { resultTypes: ['violations'] })`);
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
  );
}
