// What `npm start` does where the compiler is not installed, as after `npm ci` with NODE_ENV=production.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathOf } from './helpers/paths.ts';

const { scripts } = JSON.parse(readFileSync(pathOf('package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

test('without the compiler the start says what to type, or uses what is built', (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'start-'));
  t.after(() => rmSync(cwd, { recursive: true, force: true, maxRetries: 10 }));
  const run = () => spawnSync('sh', ['-c', scripts['prestart'] ?? ''], { cwd, encoding: 'utf8' });
  const missing = run();
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /^[^\n]+Type: npm ci --include=dev\n$/);
  mkdirSync(join(cwd, 'dist'));
  writeFileSync(join(cwd, 'dist/main.js'), '');
  const built = run();
  assert.equal(built.status, 0);
  assert.equal(built.stderr + built.stdout, '');
});

test('the start of each role goes through it', () => {
  const starts = Object.keys(scripts).filter((name) => name.startsWith('start:'));
  assert.equal(starts.length, 3);
  for (const name of starts) assert.equal(scripts[`pre${name}`], 'npm run --silent prestart');
});

test('npm ci builds where the compiler is installed, and only there', (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'start-'));
  t.after(() => rmSync(cwd, { recursive: true, force: true, maxRetries: 10 }));
  const run = () =>
    spawnSync('sh', ['-c', scripts['prepare'] ?? 'exit 9'], {
      cwd,
      encoding: 'utf8',
      env: { PATH: `${cwd}:/usr/bin:/bin` },
    });
  writeFileSync(join(cwd, 'npm'), '#!/bin/sh\necho npm "$@"\n', { mode: 0o755 });
  const without = run();
  assert.deepEqual([without.status, without.stdout + without.stderr], [0, '']);
  mkdirSync(join(cwd, 'node_modules/.bin'), { recursive: true });
  writeFileSync(join(cwd, 'node_modules/.bin/tsc'), '', { mode: 0o755 });
  assert.equal(run().stdout, 'npm run --silent build\n');
});
