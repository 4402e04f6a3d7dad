// Definitions of jobs as files of a folder, and handler processes that run them.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/domain/clock.ts';
import { startHandlerProcess } from '../../src/handlers/handler-process.ts';
import { createHandlers, type Handlers, type HandlersOptions } from '../../src/handlers/handlers.ts';
import type { HandlerLog } from '../../src/handlers/line-budget.ts';
import { loadJobs, type LoadedJobs } from '../../src/jobs/load-jobs.ts';
import { createChanges, type Changes } from './changes.ts';
import { programUrlOf } from './paths.ts';

const packageUrl = programUrlOf('src/index.ts');
const head = `import { defineJob, PermanentError, z } from ${JSON.stringify(packageUrl)};\n`;

type Owner = Pick<TestContext, 'after'>;

/** A folder with one definition for each name; each text holds its fields. */
export async function writeJobs(t: Owner, fields: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'jobs-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(fields))
    await writeFile(join(folder, `${name}.mjs`), `${head}export default defineJob({ name: '${name}', ${text} });\n`);
  return folder;
}

export interface TestHandlers extends LoadedJobs {
  handlers: Handlers;
  /** Of the handlers. */
  changes: Changes;
  jobsDir: string;
}

export const silent: HandlerLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** They are not started: the worker does that. */
export async function createTestHandlers(
  t: Owner,
  fields: Record<string, string>,
  options: Partial<Omit<HandlersOptions, 'startProcess'>> & { resultBytesMax?: number } = {},
): Promise<TestHandlers> {
  const jobsDir = await writeJobs(t, fields);
  const { resultBytesMax = 65_536, clock = systemClock } = options;
  const changes = createChanges();
  const handlers = createHandlers({
    processes: 1,
    onChange: changes.fire,
    log: silent,
    ...options,
    clock,
    startProcess: (events) =>
      startHandlerProcess({
        ...events,
        settings: { jobsDir, builtIn: {}, argsBytesMax: 65_536, resultBytesMax },
        clock,
      }),
  });
  t.after(() => handlers.close());
  return { ...(await loadJobs(jobsDir)), handlers, changes, jobsDir };
}
