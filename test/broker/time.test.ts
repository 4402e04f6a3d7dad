// What happens by time alone, on a clock that the test moves.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { judge, retryDelayMs } from '../../src/broker/queues/failure.ts';
import { brokerFolder, startBroker } from '../helpers/broker.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { connectFwp, makeJob, type FwpClient } from './fwp-client.ts';

async function open(t: TestContext, options: { wid?: string; dataDir?: string | undefined; clock?: FakeClock } = {}) {
  const clock = options.clock ?? createFakeClock();
  const { port } = await startBroker(t, { clock, random: () => 0.5, dataDir: options.dataDir });
  const client = await connectFwp(t, { port, ...(options.wid !== undefined && { wid: options.wid }) });
  return { clock, client, port };
}

const push = (job: unknown): string => `PUSH ${JSON.stringify(job)}`;

type Sets = Record<'scheduled' | 'retries' | 'dead' | 'working', number>;

async function countsOf(client: FwpClient) {
  const info = (await client.askJson('INFO')) as {
    faktory: { total_enqueued: number; sets: Sets; tasks: { Workers: { size: number } } };
  };
  return { queued: info.faktory.total_enqueued, workers: info.faktory.tasks.Workers.size, ...info.faktory.sets };
}

/** Lets time pass until it is so; the test's own timeout limits it. */
async function until(
  clock: FakeClock,
  client: FwpClient,
  field: 'queued' | 'dead' | 'retries' | 'scheduled',
  count: number,
) {
  for (;;) {
    if ((await countsOf(client))[field] === count) return;
    clock.advance(1000);
  }
}

it('a retry waits count^4 + 15 + random(0..29) * (count + 1) seconds', () => {
  assert.equal(
    retryDelayMs(0, () => 0),
    15_000,
  );
  assert.equal(
    retryDelayMs(0, () => 0.999),
    44_000,
  );
  assert.equal(
    retryDelayMs(3, () => 0.5),
    (81 + 15 + 15 * 4) * 1000,
  );
  const lowest = Array.from({ length: 25 }, (_, count) => retryDelayMs(count, () => 0.5)).reduce((a, b) => a + b);
  assert.equal(Math.round(lowest / 86_400_000), 20);
});

it('a job is retried `retry` times, then it is dead', () => {
  const job = makeJob({ retry: 2 });
  const failure = { errtype: 'E', message: 'm', backtrace: [] };
  const outcomes = [1, 2, 3].map(() => judge(job, failure, 0, () => 0).to);
  assert.deepEqual(outcomes, ['retries', 'retries', 'dead']);
});

it('a retry waits a year at most, whatever a client says how often it failed', () => {
  const failure = { errtype: 'E', message: 'm', backtrace: [] };
  for (const retry_count of [2000, 2 ** 62, -(2 ** 62), 1e300]) {
    const job = makeJob({ retry: 2 ** 62, failure: { retry_count, remaining: 1 } });
    const outcome = judge(job, failure, 0, () => 0.5);
    assert.ok(
      outcome.to === 'retries' && outcome.dueMs > 0 && outcome.dueMs <= 365 * 86_400_000,
      JSON.stringify(outcome),
    );
  }
});

it('a job whose next retry cannot be told is dead, and those that expire with it are not lost', async (t) => {
  const clock = createFakeClock();
  let calls = 0;
  const random = (): number => {
    if (calls++ === 0) throw new Error('no number');
    return 0.5;
  };
  const { port } = await startBroker(t, { clock, random });
  const client = await connectFwp(t, { port });
  for (let index = 0; index < 3; index++) {
    await client.ask(push(makeJob({ reserve_for: 60 })));
    await client.ask('FETCH default');
  }
  clock.advance(80_000);
  await client.ask('PUSHB []');
  const { dead, retries, working } = await countsOf(client);
  assert.deepEqual({ dead, retries, working }, { dead: 1, retries: 2, working: 0 });
});

it('a job that says it failed 2,000 times goes to the retries, reported or expired', async (t) => {
  const { clock, client } = await open(t);
  const failure = { retry_count: 2000, remaining: 1, failed_at: 'x', message: 'm', errtype: 'e' };
  const jobs = [1, 2, 3].map(() => makeJob({ retry: 10_000, reserve_for: 60, failure }));
  for (const job of jobs) {
    assert.equal(await client.ask(push(job)), '+OK');
    await client.ask('FETCH default');
  }
  assert.equal(await client.ask(`FAIL {"jid":"${jobs[0]?.jid}"}`), '+OK');
  clock.advance(80_000);
  await client.ask('PUSHB []');
  const { dead, retries, working } = await countsOf(client);
  assert.deepEqual({ dead, retries, working }, { dead: 0, retries: 3, working: 0 });
});

it('counts that are no Go integers are refused', async (t) => {
  const { client } = await open(t);
  for (const fields of [
    '"retry":1e300',
    '"retry":0.5',
    '"failure":{"retry_count":0.5}',
    '"failure":{"remaining":"1"}',
  ]) {
    const reply = await client.ask(`PUSH {"jid":"12345678","jobtype":"x","args":[],${fields}}`);
    assert.match(String(reply), /^-ERR invalid JSON: json: cannot unmarshal .* of type int$/, fields);
  }
});

for (const [name, folderOf] of [
  ['in memory', () => undefined],
  ['on disk', brokerFolder],
] as const) {
  describe(`by time, ${name}`, () => {
    it('a scheduled job is enqueued when its time has come, and not before', async (t) => {
      const { clock, client } = await open(t, { dataDir: folderOf() });
      const job = makeJob({ at: new Date(clock.nowMs() + 60_000).toISOString() });
      assert.equal(await client.ask(push(job)), '+OK');
      clock.advance(59_000);
      await client.ask('PUSHB []');
      assert.deepEqual(await countsOf(client), {
        queued: 0,
        workers: 0,
        scheduled: 1,
        retries: 0,
        dead: 0,
        working: 0,
      });
      clock.advance(6000);
      await until(clock, client, 'queued', 1);
      const fetched = await client.askJson('FETCH default');
      assert.deepEqual([fetched['jid'], fetched['at']], [job.jid, job['at']]);
      assert.ok(Date.parse(String(fetched['enqueued_at'])) - Date.parse(String(fetched['created_at'])) >= 60_000);
      assert.equal((await countsOf(client)).scheduled, 0);
    });

    it('2,500 scheduled jobs are enqueued in the order of their times', async (t) => {
      const { clock, client } = await open(t, { dataDir: folderOf() });
      const startMs = clock.nowMs();
      const jobs = Array.from({ length: 2500 }, (_, index) =>
        makeJob({ at: new Date(startMs + 1 + ((index * 7919) % 2500)).toISOString() }),
      );
      assert.equal(await client.ask(`PUSHB ${JSON.stringify(jobs)}`), '{}');
      clock.advance(5000);
      await until(clock, client, 'queued', 2500);
      const replies = await Promise.all(jobs.map(() => client.ask('FETCH default')));
      const order = replies.map((reply) => (JSON.parse(String(reply)) as { at: string }).at);
      assert.deepEqual(order, [...order].sort());
    });

    it('a failed job comes back after its delay, with its failure', async (t) => {
      const { clock, client } = await open(t, { dataDir: folderOf() });
      const job = makeJob({ retry: 2 });
      await client.ask(push(job));
      await client.ask('FETCH default');
      const message = 'm'.repeat(2000);
      const backtrace = Array.from({ length: 60 }, (_, index) => `line ${index}`);
      await client.ask(`FAIL ${JSON.stringify({ jid: job.jid, errtype: ` ${'E'.repeat(200)}`, message, backtrace })}`);
      clock.advance(29_000);
      assert.equal((await countsOf(client)).retries, 1);
      clock.advance(6000);
      await until(clock, client, 'queued', 1);
      const { failure } = (await client.askJson('FETCH default')) as { failure: Record<string, unknown> };
      assert.deepEqual([failure['retry_count'], failure['remaining']], [0, 2]);
      assert.equal(String(failure['errtype']), 'E'.repeat(100));
      assert.equal(String(failure['message']).length, 1000);
      assert.equal((failure['backtrace'] as string[]).length, 50);
      await client.ask(`FAIL {"jid":"${job.jid}"}`);
      clock.advance(60_000);
      await until(clock, client, 'queued', 1);
      const again = (await client.askJson('FETCH default')) as { failure: Record<string, unknown> };
      assert.deepEqual([again.failure['retry_count'], again.failure['remaining']], [1, 1]);
      assert.deepEqual([again.failure['errtype'], again.failure['message']], ['unknown', 'unknown']);
      assert.equal(again.failure['failed_at'], failure['failed_at']);
      await client.ask(`FAIL {"jid":"${job.jid}"}`);
      const { dead, retries } = await countsOf(client);
      assert.deepEqual({ dead, retries }, { dead: 1, retries: 0 });
    });

    it('a reservation that ran out is a failure; its time is at least a minute', async (t) => {
      const { clock, client } = await open(t, { dataDir: folderOf() });
      const job = makeJob({ reserve_for: 5 });
      await client.ask(push(job));
      await client.ask('FETCH default');
      clock.advance(59_000);
      await client.ask('PUSHB []');
      assert.equal((await countsOf(client)).working, 1);
      clock.advance(16_000);
      await until(clock, client, 'retries', 1);
      assert.equal(await client.ask(`FAIL {"jid":"${job.jid}"}`), `-ERR Job not found ${job.jid}`);
      clock.advance(60_000);
      await until(clock, client, 'queued', 1);
      const { failure } = (await client.askJson('FETCH default')) as { failure: Record<string, unknown> };
      assert.equal(failure['errtype'], 'ReservationExpired');
    });

    it('the dead are purged after 180 days', async (t) => {
      const { clock, client } = await open(t, { dataDir: folderOf() });
      const job = makeJob({ retry: -1 });
      await client.ask(push(job));
      await client.ask('FETCH default');
      await client.ask(`FAIL {"jid":"${job.jid}"}`);
      clock.advance(60_000);
      assert.equal((await countsOf(client)).dead, 1);
      clock.advance(180 * 86_400_000);
      await until(clock, client, 'dead', 0);
    });
  });
}

it('a reservation keeps its end across a restart', async (t) => {
  const dataDir = brokerFolder();
  const clock = createFakeClock();
  const job = makeJob();
  {
    const broker = await startBroker(t, { dataDir, clock });
    const client = await connectFwp(t, { port: broker.port });
    await client.ask(push(job));
    await client.ask('FETCH default');
    clock.advance(1_700_000);
    await broker.close();
  }
  const { client } = await open(t, { dataDir, clock });
  clock.advance(80_000);
  await client.ask('PUSHB []');
  assert.equal((await countsOf(client)).working, 1);
  clock.advance(40_000);
  await until(clock, client, 'retries', 1);
});

it('a clock that was set back does not hide a job from the next look', async (t) => {
  const { clock, client } = await open(t);
  const at = (ms: number): string => new Date(ms).toISOString();
  await client.ask(push(makeJob({ at: at(clock.nowMs() + 1000) })));
  clock.advance(5000);
  await until(clock, client, 'queued', 1);
  clock.advance(-100_000);
  await client.ask(push(makeJob({ at: at(clock.nowMs() + 1000) })));
  clock.advance(100_000);
  await until(clock, client, 'queued', 2);
});

it('a worker without a BEAT for a minute is forgotten and its connections closed', async (t) => {
  const { clock, client, port } = await open(t, { wid: 'silent' });
  const lively = await connectFwp(t, { port, wid: 'lively' });
  clock.advance(45_000);
  assert.equal(await lively.ask('BEAT {"wid":"lively"}'), '+OK');
  clock.advance(15_000);
  await client.closed;
  assert.equal((await countsOf(lively)).workers, 1);
  assert.equal(await lively.ask('BEAT {"wid":"silent"}'), '-ERR unknown worker silent');
});
