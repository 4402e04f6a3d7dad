// Jobs that the broker ends without a worker have failed: discarded or killed by an operator, over HTTP or FWP, and dead.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { pino } from 'pino';
import { createEndedJobsTeller } from '../../src/roles/ended-jobs.ts';
import { connectFwp, makeJob } from '../broker/fwp-client.ts';
import { brokerFolder } from '../helpers/broker.ts';
import { embeddedTarget } from '../helpers/operator-targets.ts';
import { createFakeClock } from '../broker/fake-clock.ts';
import { createRecordingResults } from '../http/recording-results.ts';

const at = '2100-01-01T00:00:00Z';
const lockName = 'A'.repeat(43);

async function open(t: TestContext, broker: object = {}) {
  const results = createRecordingResults();
  const onEnded = createEndedJobsTeller(results, pino({ level: 'silent' }));
  const target = await embeddedTarget(t, { results, broker: { dataDir: brokerFolder(), onEnded, ...broker } });
  return { ...target, results, client: await connectFwp(t, { port: target.port, wid: 'w' }) };
}

describe('the result of a job that an operator', () => {
  it('discards or kills is a failure with the reason; one that is retried stays pending', async (t) => {
    const { client, results, post } = await open(t);
    const jobs = [0, 1, 2, 3].map(() => makeJob({ at }));
    await client.ask(`PUSHB ${JSON.stringify(jobs)}`);
    const [discarded, killed, retried, byFwp] = jobs.map(({ jid }) => jid) as [string, string, string, string];
    await results.put(
      jobs.map(({ jid }) => ({ job_id: jid, state: 'scheduled' as const, at, operation: 'resize', request_id: 'r' })),
    );
    assert.equal((await post(`/sets/scheduled/${discarded}/discard`, {})).statusCode, 200);
    assert.equal((await post('/sets/scheduled/kill', { job_ids: [killed] })).statusCode, 200);
    assert.equal((await post(`/sets/scheduled/${retried}/retry`, {})).statusCode, 200);
    for (const [jid, errtype] of [
      [discarded, 'Discarded'],
      [killed, 'Killed'],
    ] as const) {
      // The response to the action came after the result.
      const { finished_at: finishedAt, error, ...rest } = (await results.get(jid)) ?? {};
      assert.deepEqual(rest, { job_id: jid, state: 'failed', at, operation: 'resize', request_id: 'r', errtype });
      assert.match(String(error), /^an operator (discarded|killed) the job$/);
      assert.ok(Date.parse(String(finishedAt)) > 0);
    }
    assert.equal((await results.get(retried))?.state, 'scheduled');
    await client.ask('MUTATE {"cmd":"clear","target":"scheduled"}');
    assert.equal((await results.get(byFwp))?.errtype, 'Discarded');
  });

  it('discards is told by what a worker said of its end, where one did', async (t) => {
    const { client, results, post } = await open(t);
    const [ended, unknown] = [makeJob({ at }), makeJob({ at })];
    await client.ask(`PUSHB ${JSON.stringify([ended, unknown])}`);
    await results.put([{ job_id: ended.jid, state: 'failed', error: 'no such file' }]);
    await post('/sets/scheduled/discard', { jobtype: 'test' });
    assert.equal((await results.get(ended.jid))?.error, 'no such file');
    assert.equal(await results.get(unknown.jid), undefined);
  });

  it('discards or kills frees its lock; a retry does not', async (t) => {
    const { client, broker, post } = await open(t);
    const id = Buffer.from(lockName, 'base64url').toString('latin1');
    for (const action of ['discard', 'kill', 'retry']) {
      const job = makeJob({ at, custom: { unique_key: lockName } });
      broker.engine.state().locks.put(id, job.jid, 60_000);
      await client.ask(`PUSH ${JSON.stringify(job)}`);
      assert.equal(await broker.engine.state().locks.find(id), job.jid);
      assert.equal((await post(`/sets/scheduled/${job.jid}/${action}`, {})).statusCode, 200);
      assert.equal(await broker.engine.state().locks.find(id), action === 'retry' ? job.jid : undefined, action);
    }
  });
});

it('a job whose reservation has run out for the last time has failed', async (t) => {
  const clock = createFakeClock();
  const { client, results, port } = await open(t, { clock });
  const watcher = await connectFwp(t, { port });
  const [dead, gone] = [makeJob({ retry: -1, reserve_for: 60 }), makeJob({ retry: 0, reserve_for: 60 })];
  await client.ask(`PUSHB ${JSON.stringify([dead, gone])}`);
  await results.put([dead, gone].map(({ jid }) => ({ job_id: jid, state: 'pending' as const, operation: 'resize' })));
  await client.ask('FETCH default');
  await client.ask('FETCH default');
  clock.advance(90_000);
  while ((await results.get(gone.jid))?.state !== 'failed') await watcher.ask('INFO');
  for (const { jid } of [dead, gone]) assert.equal((await results.get(jid))?.errtype, 'ReservationExpired');
});
