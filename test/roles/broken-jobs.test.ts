// Definitions that the program can read and its handler process cannot: what needs no such process goes on, and the log and
// /ready say what does not.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { writeJobs } from '../helpers/job-folder.ts';
import { get, post, startService } from '../helpers/service.ts';

/** As a key that only the environment of one of them has, or a library that starts in one only. */
const queueOrThrow = `process.argv[1].includes('handler-main') ? (() => { throw new Error('KEY is not set'); })() : 'own'`;

it('jobs of other queues run, the cause is logged, and /ready names the worker', async (t) => {
  const own = `queue: ${queueOrThrow}, args: z.object({}).loose(), run: () => 1`;
  const service = startService(t, { JOBS_DIR: await writeJobs(t, { own }), SHUTDOWN_DRAIN_DELAY_MS: '0' });
  const url = await service.url();
  const down = await service.line(({ msg }) => msg?.startsWith('no handler process is ready') === true);
  assert.match(String(down['reason']), /own\.mjs.*KEY is not set/);

  const { body: waiting } = await post(`${url}/jobs/own`, {});
  const { body: added } = await post(`${url}/jobs/add`, { a: 1, b: 2 });
  const { body: result } = await get(`${url}/jobs/${String(added['job_id'])}?wait=30`);
  assert.deepEqual([result['state'], result['result']], ['succeeded', 3]);
  assert.equal((await get(`${url}/jobs/${String(waiting['job_id'])}`)).body['state'], 'pending');

  const ready = await get(`${url}/ready`);
  const reason = 'no handler process is ready: jobs that run in one wait; the log says why';
  assert.deepEqual([ready.status, ready.body['worker']], [200, { ok: false, reason }]);
});
