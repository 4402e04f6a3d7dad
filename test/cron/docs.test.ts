// docs/cron.md is true: its definition can be used, and GET /cron says of it what the page shows.
import { idleOperator } from '../helpers/idle-operator.ts';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { createCron } from '../../src/cron/cron.ts';
import { systemClock } from '../../src/domain/clock.ts';
import { createJob } from '../../src/domain/job.ts';
import { loadJobs } from '../../src/jobs/load-jobs.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { build } from '../helpers/app.ts';
import { createJobsFolder } from '../helpers/jobs-folder.ts';
import { openKeys } from '../helpers/key-store.ts';
import { pathOf } from '../helpers/paths.ts';
import { createRecordingProducer } from '../helpers/recording-producer.ts';

/** The route is one of operators. */
const operator = idleOperator;

const text = readFileSync(pathOf('docs/cron.md'), 'utf8');
const block = (language: string): string =>
  new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(text)?.[1] ?? assert.fail(`no ${language}`);

it('docs/cron.md shows a definition, and the list of its schedules', async (t) => {
  const { registry } = await loadJobs(createJobsFolder(t, { 'nightly.mjs': block('js') }));
  const shown = JSON.parse(block('json')) as { schedules: [{ next_at: string; last: { at: string; job_id: string } }] };
  const [{ next_at: nextAt, last }] = shown.schedules;
  const schedule = registry.byName('nightly')?.schedules?.[0] ?? assert.fail('no schedule');
  assert.equal(schedule.nextAfter(Date.parse(last.at)), Date.parse(nextAt));
  const { pattern, timeZone } = schedule;
  const kept = { atMs: Date.parse(last.at), jobId: last.job_id, outcome: 'enqueued', pattern, timeZone } as const;
  const cron = createCron({
    types: registry.types,
    keys: await openKeys(t),
    ticks: { last: async () => [kept], keep: async () => undefined, close: async () => undefined },
    producer: createRecordingProducer(),
    makeJob: createJob,
    clock: { ...systemClock, wallMs: () => Date.parse(last.at) + 1 },
    enqueueTimeoutMs: 1000,
    metrics: createMetrics('0.0.0'),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  assert.deepEqual((await build(t, { cron, operator }).get('/cron')).json(), shown);
});

it('docs/cron.md names every field of a schedule', () => {
  for (const field of ['schedule', 'timeZone', 'args', 'catchUp', 'name'])
    assert.match(text, new RegExp(`^\\| \`${field}\` \\|`, 'm'));
});
