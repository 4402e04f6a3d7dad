// The file .env of the working directory, as the real program reads it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { nodeArgs, programOf } from '../helpers/paths.ts';

const main = programOf('src/main.ts');

/** Runs the program in a folder with this .env, as a worker that refuses to start without FAKTORY_URL. */
function run(t: TestContext, file: string | Buffer | undefined, env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'env-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
  if (file === undefined) mkdirSync(join(folder, '.env'));
  else writeFileSync(join(folder, '.env'), file);
  const args = [...nodeArgs, main, 'worker'];
  const options = {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
    encoding: 'utf8',
    timeout: 60_000,
  } as const;
  return spawnSync(process.execPath, args, options);
}

describe('.env', () => {
  it('is refused where it would be read otherwise than written, together with every other problem', (t) => {
    const { status, stderr } = run(t, 'API_KEYS=0123456789abcdef#secret\nFAKTORY_PASSWORD=a#b\nLOG_LEVEL=loud\n');
    assert.equal(status, 1);
    assert.match(stderr, /has 3 problem\(s\)/);
    assert.match(stderr, /FAKTORY_PASSWORD: got \(hidden\); accepts "#" only in quotes/);
    assert.match(stderr, /API_KEYS: got \(hidden\); accepts "#" only in quotes/);
    assert.match(stderr, /LOG_LEVEL: got "loud"/);
    assert.doesNotMatch(stderr, /secret|0123/);
  });

  it('is of no interest where the real environment has the variable', (t) => {
    const { stderr } = run(t, 'API_KEYS=a#b\nFAKTORY_URL=tcp://nowhere\n', {
      API_KEYS: '0123456789abcdef',
      FAKTORY_URL: '',
    });
    assert.match(stderr, /set FAKTORY_URL/);
  });

  it('names a near miss', (t) => {
    const { stdout } = run(t, 'API_KEY=0123456789abcdef\n');
    assert.match(stdout, /"API_KEY has no effect: is API_KEYS meant\?"/);
  });

  for (const [what, file, reason] of [
    ['a folder', undefined, /\.env cannot be read: EISDIR/],
    ['UTF-16', Buffer.from('\ufeffLOG_LEVEL=info\n', 'utf16le'), /\.env cannot be read: it is not UTF-8/],
  ] as const) {
    it(`is refused when it is ${what}`, (t) => {
      const { status, stderr } = run(t, file);
      assert.equal(status, 1);
      assert.match(stderr, reason);
    });
  }
});
