// `work-factory enqueue`, `status` and `jobs` against a service that was started for them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createJobsFolder } from '../helpers/jobs-folder.ts';
import { startService } from '../helpers/service.ts';
import { cli } from './cli.ts';

const definitions = {
  'greet.mjs': `import { defineJob, PermanentError, z } from 'work-factory';
export default defineJob({
  name: 'greet',
  args: z.object({ name: z.string(), times: z.int().optional() }),
  run({ name }) {
    if (name === '') throw new PermanentError('nobody\\u001b[31m\\nis here');
    return \`Hello, \${name}!\`;
  },
});
`,
};
const idPattern = /^[0-9a-f-]{36}\n$/;
const three = '{"a": 1, "b": 2}';

test('enqueue, status and jobs', async (t) => {
  const key = 'a-key-of-16-bytes';
  const service = startService(t, { JOBS_DIR: createJobsFolder(t, definitions), API_KEYS: key });
  const env = { WORK_FACTORY_URL: await service.readyUrl(), WORK_FACTORY_API_KEY: key };
  const run = (args: string[], stdin = '') => cli(args, { env, stdin });
  const idOf = async (...args: string[]): Promise<string> => {
    const { code, out, err } = await run(['enqueue', ...args]);
    assert.equal(code, 0, err);
    assert.match(out, idPattern);
    return out.trim();
  };

  await t.test('the id is on standard output, and what a person wants to know on standard error', async () => {
    const { code, out, err } = await run(['enqueue', 'add', three]);
    assert.equal(code, 0);
    assert.match(out, idPattern);
    assert.equal(err, 'Job enqueued to add 1 + 2\n');
  });

  await t.test('--wait puts the result there instead', async () => {
    const { code, out, err } = await run(['enqueue', 'greet', '{"name": "Ada"}', '--wait']);
    assert.equal(code, 0);
    assert.equal(out, '"Hello, Ada!"\n');
    assert.match(err, /^([0-9a-f-]{36}) Job enqueued: greet\n\1 succeeded "Hello, Ada!"\n$/);
  });

  await t.test('--json prints one object, in the names of the HTTP API', async () => {
    const { code, out, err } = await run(['enqueue', 'add', three, '--wait', '--json', '--request-id', 'r-1']);
    assert.equal(code, 0);
    assert.equal(err, '');
    const { job_id: id, message, job } = JSON.parse(out);
    assert.equal(message, 'Job enqueued to add 1 + 2');
    assert.equal(job.job_id, id);
    assert.deepEqual([job.state, job.result, job.request_id], ['succeeded', 3, 'r-1']);
    assert.equal(typeof job.finished_at, 'string');
  });

  await t.test('arguments come from standard input, too', async () => {
    const { code, out } = await run(['enqueue', 'add', '-', '--wait'], '{"a": 20,\n"b": 22}\n');
    assert.deepEqual([code, out], [0, '42\n']);
  });

  await t.test('a job that fails ends --wait and status with 1, and steers no terminal', async () => {
    const waited = await run(['enqueue', 'greet', '{"name": ""}', '--wait']);
    assert.equal(waited.code, 1);
    assert.equal(waited.out, '');
    assert.match(waited.err, /failed .*nobody\\u001b\[31m is here/);
    assert.ok(!waited.err.includes('\u001b'));
    const id = waited.err.slice(0, 36);
    const shown = await run(['status', id]);
    assert.equal(shown.code, 1);
    assert.match(shown.out, new RegExp(`^${id} failed .*nobody`));
  });

  await t.test('a refusal is 1, and every violation is said', async () => {
    const one = await run(['enqueue', 'divide', '{"a": 1, "b": 0}']);
    assert.deepEqual([one.code, one.out], [1, '']);
    assert.equal(one.err, 'not enqueued: args b must not be zero (validation_failed)\n');
    const two = await run(['enqueue', 'add', '{"a": "x", "b": "y"}']);
    assert.equal(two.code, 1);
    assert.match(two.err, /\n {2}\/args\/a .*\n {2}\/args\/b /);
    const unknown = await run(['enqueue', 'pow', '{}']);
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /Unknown operation: pow \(.*\n {2}work-factory jobs lists the job types\n$/);
    const misspelt = await run(['enqueue', 'gret', '{}']);
    assert.match(misspelt.err, /Unknown operation: gret, did you mean greet\? \(validation_failed\)\n/);
    const json = await run(['enqueue', 'divide', '{"a": 1, "b": 0}', '--json']);
    assert.deepEqual([json.code, json.err], [1, '']);
    const { outcome, code, status, violations } = JSON.parse(json.out);
    assert.deepEqual([outcome, code, status], ['not_enqueued', 'validation_failed', 422]);
    assert.deepEqual(violations, [{ pointer: '/args/b', message: 'must not be zero' }]);
  });

  await t.test(
    '--idempotency-key makes one job; the repetition says so, and another job with it is refused',
    async () => {
      const first = await idOf('add', three, '--idempotency-key', 'order-1');
      const again = await run(['enqueue', 'add', three, '--idempotency-key', 'order-1']);
      assert.equal(again.out.trim(), first);
      assert.match(again.err, /the same key came with the same job/);
      const json = await run(['enqueue', 'add', three, '--idempotency-key', 'order-1', '--json']);
      assert.equal(JSON.parse(json.out).replayed, true);
      const other = await run(['enqueue', 'add', '{"a": 7, "b": 7}', '--idempotency-key', 'order-1']);
      assert.equal(other.code, 1);
      assert.match(other.err, /\(key_reused\)/);
    },
  );

  await t.test('--unique-for and --delay: a duplicate has the id of the first', async () => {
    const options = ['--delay', '2h', '--unique-for', '1d'];
    const first = await run(['enqueue', 'greet', '{"name": "Eve"}', ...options]);
    assert.match(first.err, /^Job scheduled for \d{4}-.*: greet\n$/);
    const second = await run(['enqueue', 'greet', '{"name": "Eve"}', ...options, '--json']);
    assert.deepEqual([second.code, JSON.parse(second.out).job_id], [0, first.out.trim()]);
    assert.equal(JSON.parse(second.out).duplicate, true);
    const shown = await run(['status', first.out.trim()]);
    assert.equal(shown.code, 0);
    assert.match(shown.out, /^\S+ scheduled for \d{4}-/);
    const waited = await run(['status', first.out.trim(), '--wait-timeout', '0.05']);
    assert.equal(waited.code, 3);
  });

  await t.test('--at, --expires-in, --retry, --reserve-for, --queue and --custom reach the service', async () => {
    const options = ['--at', '2099-01-01T00:00:00+01:00', '--retry=-1', '--reserve-for', '2m', '--custom', '{"x": 1}'];
    const { code, out } = await run(['enqueue', 'add', three, ...options, '--queue', 'default', '--json']);
    assert.equal(code, 0);
    assert.equal(JSON.parse(out).at, '2098-12-31T23:00:00.000Z');
    for (const [option, value, detail] of [
      ['--at', 'tomorrow', /^not enqueued: at /],
      ['--expires-at', 'soon', /^not enqueued: expires_at /],
      ['--expires-in', '99999999d', /expires_in_seconds/],
      ['--retry', '5000', /retry/],
      ['--reserve-for', '1', /reserve_for/],
      ['--queue', 'other', /queue must be default/],
      ['--unique-key', '', /unique/],
    ] as const) {
      const refused = await run(['enqueue', 'add', three, option, value]);
      assert.equal(refused.code, 1, option);
      assert.match(refused.err, detail);
    }
  });

  await t.test('status answers in the order of the ids, of the command line and of standard input', async () => {
    const ids: string[] = [];
    for (let a = 0; a < 40; a++) ids.push(await idOf('add', JSON.stringify({ a, b: 0 })));
    const { code, out } = await run(['status', ...ids, '--wait']);
    assert.equal(code, 0);
    assert.equal(out, ids.map((id, index) => `${id} succeeded ${index}\n`).join(''));
    const piped = await run(['status', '-', '--json'], `${ids.join('\r\n')}\n\n`);
    assert.equal(piped.code, 0);
    const shown = piped.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      shown.map(({ job_id: id, result }) => [id, result]),
      ids.map((id, index) => [id, index]),
    );
  });

  await t.test('cancel takes back a job that is scheduled, and no job that has ended', async () => {
    const scheduled = await idOf('add', three, '--delay', '1h');
    const { code, out } = await run(['cancel', scheduled]);
    assert.deepEqual([code, out], [0, `${scheduled} cancelled\n`]);
    assert.equal((await run(['status', scheduled])).out, `${scheduled} cancelled\n`);
    const again = await run(['cancel', scheduled]);
    const ended = await run(['cancel', (await run(['enqueue', 'add', three, '--wait'])).err.slice(0, 36)]);
    assert.deepEqual([again.code, ended.code], [0, 1]);
    assert.match(ended.err, /has started or has ended/);
  });

  await t.test('an id that is not known is 3, before a failed one', async () => {
    const { err } = await run(['enqueue', 'greet', '{"name": ""}', '--wait']);
    const failed = err.slice(0, 36);
    const { code, out } = await run(['status', 'nowhere-0001', failed]);
    assert.equal(code, 3);
    assert.match(out, /^nowhere-0001 not known here\n\S+ failed /);
    const json = await run(['status', 'nowhere-0001', '--json']);
    assert.deepEqual([json.code, json.out], [3, '{"job_id":"nowhere-0001","state":null}\n']);
  });

  await t.test('jobs lists what the service takes', async () => {
    const { code, out } = await run(['jobs']);
    assert.equal(code, 0);
    assert.match(out, /^add +a: number, b: number, request_id\?: string or null$/m);
    assert.match(out, /^greet +name: string, times\?: integer, request_id\?/m);
    assert.ok(!/batch|stream/.test(out));
    const json = await run(['jobs', '--json']);
    const types = json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const greet = types.find(({ operation }) => operation === 'greet');
    assert.deepEqual(greet.args.required, ['name']);
  });

  await t.test('a wrong API key is 1; no output holds it', async () => {
    const wrongKey = 'another-key-of-some-bytes';
    const wrong = await cli(['enqueue', 'add', three, '--api-key', wrongKey], { env });
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /\(unauthorized\)\n {2}This service wants an API key: set WORK_FACTORY_API_KEY\n$/);
    const right = await cli(['enqueue', 'add', three, '--api-key', key], {
      env: { WORK_FACTORY_URL: env.WORK_FACTORY_URL },
    });
    assert.equal(right.code, 0);
    assert.ok(!`${wrong.out}${wrong.err}`.includes(wrongKey));
  });
});
