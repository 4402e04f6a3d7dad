// Runs the long fault tests, and writes what they showed into docs/reliability.md.
//   npm run test:faults                  every file that the matrix names
//   npm run test:faults -- recovery      those whose path has this in it; all other rows keep what they showed before
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnChild } from '../helpers/children.ts';
import { faktoryPath, redisServerPath } from '../helpers/real-parts.ts';
import { matrix, type Figure } from './matrix.ts';
import { updateReport } from './report.ts';
import { nodeArgs, pathOf, programOf } from '../helpers/paths.ts';

const document = pathOf('docs/reliability.md');
const runner = programOf('test/run.ts');
const files = [...new Set(Object.values(matrix).map(({ shownBy }) => shownBy))];

function versionOf(name: string, path: string | undefined, option: string, pattern: RegExp): string {
  if (path === undefined) return `no ${name}`;
  const { stdout, stderr } = spawnSync(path, [option], { encoding: 'utf8' });
  return `${name} ${pattern.exec(stdout + stderr)?.[1] ?? 'of an unknown version'}`;
}

const machine = (): string =>
  [
    `${availableParallelism()} cores`,
    `Node ${process.versions.node}`,
    versionOf('Faktory', faktoryPath(), '-v', /Faktory (\S+)/),
    versionOf('Redis', redisServerPath(), '--version', /v=(\S+)/),
  ].join(', ');

async function run(parts: readonly string[], figuresFile: string): Promise<number> {
  const env = { ...process.env, FAULTS: '1', FAULT_FIGURES: figuresFile };
  const child = spawnChild(process.execPath, [...nodeArgs, runner, ...parts], { stdio: 'inherit', env });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

const folder = mkdtempSync(join(tmpdir(), 'work-factory-figures-'));
try {
  const figuresFile = join(folder, 'figures');
  const wanted = process.argv.slice(2);
  const parts = wanted.length > 0 ? wanted : files;
  process.exitCode = await run(parts, figuresFile);
  const lines = existsSync(figuresFile) ? readFileSync(figuresFile, 'utf8').trim().split('\n') : [];
  const figures = lines.map((line) => JSON.parse(line) as Figure);
  // Only what held: a row whose limit was missed would stand there as if it were one more figure.
  if (process.exitCode === 0) {
    const isWhole = wanted.length === 0;
    writeFileSync(document, updateReport(readFileSync(document, 'utf8'), figures, isWhole ? machine() : undefined));
  }
  for (const [id, { shownBy }] of Object.entries(matrix)) {
    const wasRun = parts.some((part) => shownBy.includes(part));
    if (wasRun && !figures.some((figure) => 'row' in figure && figure.row === id)) {
      console.error(`NOT SHOWN: ${id}`);
      process.exitCode ||= 1;
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
}
