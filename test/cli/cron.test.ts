// `work-factory cron`, against a server that has the response of GET /cron.
import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { cli } from './cli.ts';
import { respond, startServer } from './scripted-server.ts';

const last = { at: '2026-11-30T08:05:00.000Z', job_id: 'job-00000001', outcome: 'enqueued' };
const schedule = (name: string, fields: object): object => ({
  ...{ name, operation: 'report', schedule: '*/5 * * * *', time_zone: 'Europe/Berlin', catch_up: false },
  ...{ next_at: '2026-11-30T08:10:00.000Z', last, ...fields },
});

const list = async (t: TestContext, schedules: object[], ...args: string[]) => {
  const url = await startServer(t, (request, response) => {
    assert.equal(request.url, '/cron');
    respond(response, 200, { schedules });
  });
  return cli(['cron', '--url', url, ...args]);
};

it('cron prints a line for each schedule', async (t) => {
  const unsure = { ...last, outcome: 'unknown' };
  const schedules = [
    schedule('report', {}),
    schedule('report:weekly', { last: null, next_at: null }),
    schedule('sweep', { last: unsure }),
  ];
  const { code, out, err } = await list(t, schedules);
  assert.deepEqual([code, err], [0, '']);
  assert.deepEqual(out.trimEnd().split('\n'), [
    'report         */5 * * * * (Europe/Berlin), next 2026-11-30T08:10:00.000Z, last 2026-11-30T08:05:00.000Z job-00000001',
    'report:weekly  */5 * * * * (Europe/Berlin), never due again, never yet',
    'sweep          */5 * * * * (Europe/Berlin), next 2026-11-30T08:10:00.000Z, last 2026-11-30T08:05:00.000Z job-00000001 (it may be stored)',
  ]);
});

it('cron --json prints them as the service has them', async (t) => {
  const { out } = await list(t, [schedule('report', {})], '--json');
  assert.deepEqual(JSON.parse(out), schedule('report', {}));
});

it('cron says that there are none', async (t) => {
  const { code, out, err } = await list(t, []);
  assert.deepEqual([code, out], [0, '']);
  assert.match(err, /^There are no schedules/);
});

it('cron says what to do about a service whose operator routes are closed', async (t) => {
  const url = await startServer(t, (_request, response) => {
    respond(response, 404, { code: 'not_found', detail: 'There is nothing at this path' });
  });
  const { code, err } = await cli(['cron', '--url', url]);
  assert.equal(code, 1);
  assert.match(
    err,
    /ADMIN_KEYS is not set where it runs\. Set ADMIN_KEYS there, .* WORK_FACTORY_API_KEY .*\(not_found\)\n$/,
  );
});
