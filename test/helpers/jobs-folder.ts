// A project of somebody else for a test: a folder `jobs`, whose files import `work-factory` as after `npm install`.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { programUrlOf } from './paths.ts';

const entry = programUrlOf('src/index.ts');

/**
 * Goes away with the test.
 *
 * @param files by name; or the path of a folder to copy
 * @returns the path of the folder `jobs`
 */
export function createJobsFolder(
  t: Pick<TestContext, 'after'>,
  files: Readonly<Record<string, string>> | string,
): string {
  const project = mkdtempSync(join(tmpdir(), 'project-'));
  t.after(() => rmSync(project, { recursive: true, force: true, maxRetries: 10 }));
  const packageFolder = join(project, 'node_modules', 'work-factory');
  mkdirSync(packageFolder, { recursive: true });
  writeFileSync(
    join(packageFolder, 'package.json'),
    JSON.stringify({ name: 'work-factory', type: 'module', exports: './index.js' }),
  );
  writeFileSync(join(packageFolder, 'index.js'), `export * from ${JSON.stringify(entry)};\n`);
  const folder = join(project, 'jobs');
  mkdirSync(folder);
  if (typeof files === 'string') cpSync(files, folder, { recursive: true });
  else for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}
