// `work-factory jobs check`, in this process: what it lists, what it runs, and what it says is wrong.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { checkJobs } from '../../src/cli/commands/jobs-check.ts';
import { createJobsFolder } from '../helpers/jobs-folder.ts';
import { pathOf } from '../helpers/paths.ts';

interface Checked {
  code: number;
  out: string[];
  errors: string[];
}

async function check(t: TestContext, files: Readonly<Record<string, string>> | string): Promise<Checked> {
  const out: string[] = [];
  const errors: string[] = [];
  const code = await checkJobs({
    env: { JOBS_DIR: createJobsFolder(t, files) },
    print: (text) => void out.push(text),
    printError: (text) => void errors.push(text),
  });
  return { code, out, errors };
}

const define = (fields: string): string =>
  `import { defineJob, PermanentError, z } from 'work-factory';\nexport default defineJob({ args: z.object({ n: z.int() }), ${fields} });\n`;

describe('work-factory jobs check', () => {
  it('accepts the examples of this repository, and runs those with a result', async (t) => {
    const folder = pathOf('examples/jobs');
    const { code, out, errors } = await check(t, folder);
    assert.deepEqual(errors, []);
    assert.equal(code, 0);
    assert.deepEqual(out.slice(4), [
      'fetch_page: jobtype fetch_page, queue default, retry 5, reserve_for 60 s',
      'hash_chain: jobtype hash_chain, queue default, retry 25, reserve_for 60 s',
      'send_mail: jobtype SendMail, queue mail, retry 3, reserve_for 60 s, run by other workers',
    ]);
  });

  it('says which example does not give its result, and why', async (t) => {
    const { code, errors } = await check(t, {
      'double.mjs': define(`name: 'double', run: ({ n }) => 2 * n, examples: [{ args: { n: 2 }, result: 5 }]`),
      'late.mjs': define(
        `name: 'late', timeoutSeconds: 0.01, run: () => new Promise((done) => setTimeout(done, 1000)), examples: [{ args: { n: 2 }, result: 5 }]`,
      ),
      'shape.mjs': define(
        `name: 'shape', result: z.string(), run: () => 7, examples: [{ args: { n: 2 }, result: 'seven' }]`,
      ),
      'throws.mjs': define(
        `name: 'throws', run(_, { log }) { log.warn('soon', { n: 1 }); throw new PermanentError('no'); }, examples: [{ args: { n: 2 }, result: 5 }]`,
      ),
      'unrun.mjs': define(`name: 'unrun', run() { throw new Error('not run'); }, examples: [{ args: { n: 2 } }]`),
    });
    assert.equal(code, 1);
    assert.equal(errors[0], 'double: example 0 gives 4, not 5');
    assert.equal(errors[1], 'late: example 0 fails: it did not end within 0.01 s');
    assert.match(errors[2] ?? '', /^shape: example 0 fails: .*expected string/s);
    assert.deepEqual(errors.slice(3), ['throws: soon {"n":1}', 'throws: example 0 fails: no']);
  });

  it('lists schedules with their next tick, and names all that are wrong', async (t) => {
    const right = await check(t, {
      'nightly.mjs': define(`name: 'nightly', run: () => 1, cron: { schedule: '30 2 * * *', args: { n: 1 } }`),
    });
    assert.match(
      right.out[4] ?? '',
      /^nightly: .*\n {2}at 30 2 \* \* \* UTC: nightly, next \d{4}-\d\d-\d\dT02:30:00\.000Z$/,
    );
    const wrong = await check(t, {
      'a.mjs': define(
        `name: 'a', run: () => 1, cron: { schedule: '61 * * * *', timeZone: 'Mars/Phobos', args: { n: 1 } }`,
      ),
      'b.mjs': define(`name: 'b', run: () => 1, cron: [{ schedule: '0 3 * * *' }]`),
    });
    assert.equal(wrong.code, 1);
    assert.match(
      wrong.errors[0] ?? '',
      /^JOBS_DIR has 3 problem\(s\):\n.*cron\.timeZone is no time zone.*\n.*cron\.schedule cannot be read.*\n.*cron\.0\.args\.n /,
    );
  });

  it('says what is wrong with files, and runs nothing then', async (t) => {
    const { code, out, errors } = await check(t, {
      'good.mjs': define(
        `name: 'good', run() { throw new Error('not run'); }, examples: [{ args: { n: 2 }, result: 5 }]`,
      ),
      'bad.mjs': define(`name: 'Bad', run: 1`),
      'notes.txt': '',
    });
    assert.equal(code, 1);
    assert.deepEqual(out, []);
    assert.equal(errors.length, 1);
    assert.match(
      errors[0] ?? '',
      /^JOBS_DIR has 2 problem\(s\):\n {2}bad\.mjs:2: name must be.*\n {2}bad\.mjs:2: run must be/,
    );
  });
});
