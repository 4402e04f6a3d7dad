// Jobs of a worker that is gone without a word: they go to their queues, an attempt counted, when it has had no connection
// for 15 s, and at once when it was in the broker's own process.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import type { BrokerOptions } from '../../../src/broker/broker.ts';
import { brokerFolder, openBroker, startBroker } from '../../helpers/broker.ts';
import { createFakeClock, type FakeClock } from '../fake-clock.ts';
import { connectFwp, makeJob, type FwpClient } from '../fwp-client.ts';

const push = (jobs: unknown): string => `PUSHB ${JSON.stringify(jobs)}`;

async function countsOf(client: FwpClient) {
  const { faktory } = (await client.askJson('INFO')) as {
    faktory: { total_enqueued: number; total_failures: number; sets: Record<'working' | 'retries' | 'dead', number> };
  };
  const { working, retries, dead } = faktory.sets;
  return { queued: faktory.total_enqueued, failures: faktory.total_failures, working, retries, dead };
}

async function fetchJobs(client: FwpClient, count: number): Promise<Record<string, unknown>[]> {
  const jobs: Record<string, unknown>[] = [];
  while (jobs.length < count) jobs.push(await client.askJson('FETCH default'));
  return jobs;
}

/** Ends its connection; resolves when the broker knows no connection of its worker any more. */
async function lose(client: FwpClient, wid: string, other: FwpClient): Promise<void> {
  client.socket.resetAndDestroy();
  while ((await other.ask(`BEAT {"wid":"${wid}"}`)) === '+OK');
}

/** What runs every second: each second of the clock, with the broker's turn after it. */
async function pass(clock: FakeClock, seconds: number, client: FwpClient): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    clock.advance(1000);
    await client.ask('PUSHB []');
  }
}

/** Worker `w` has the first three of four jobs. */
async function setUp(t: TestContext, options: BrokerOptions = {}) {
  const clock = createFakeClock();
  const lost: { wids: readonly string[]; jobs: number }[] = [];
  const onLostWorkers = (wids: readonly string[], jobs: number) => void lost.push({ wids, jobs });
  const broker = await startBroker(t, { clock, onLostWorkers, ...options });
  const open = (wid?: string) => connectFwp(t, { port: broker.port, ...(wid !== undefined && { wid }) });
  const [worker, producer] = [await open('w'), await open()];
  const jobs = Array.from({ length: 4 }, (_, index) => makeJob({ args: [index] }));
  await producer.ask(push(jobs));
  const jids = (await fetchJobs(worker, 3)).map(({ jid }) => String(jid));
  return { broker, clock, lost, open, worker, producer, jids, last: jobs[3]?.jid };
}

it('the jobs of a worker without a connection for 15 s are at the head of their queue, the attempt counted', async (t) => {
  const { clock, lost, worker, producer, jids, last } = await setUp(t);
  await lose(worker, 'w', producer);
  await pass(clock, 15, producer);
  assert.deepEqual(await countsOf(producer), { queued: 1, failures: 0, working: 3, retries: 0, dead: 0 });
  await pass(clock, 1, producer);
  assert.deepEqual(await countsOf(producer), { queued: 4, failures: 3, working: 0, retries: 0, dead: 0 });
  assert.deepEqual(lost, [{ wids: ['w'], jobs: 3 }]);
  const again = await fetchJobs(producer, 4);
  assert.deepEqual(
    again.map(({ jid }) => jid),
    [...jids, last],
  );
  const failure = again[0]?.['failure'] as Record<string, unknown>;
  const { errtype, retry_count, remaining } = failure;
  assert.deepEqual({ errtype, retry_count, remaining }, { errtype: 'WorkerLost', retry_count: 0, remaining: 25 });
  assert.equal(again[3]?.['failure'], undefined);
});

it('the jobs of a lost worker go to a FETCH that waits', async (t) => {
  const { clock, open, worker, producer, jids } = await setUp(t);
  await lose(worker, 'w', producer);
  await pass(clock, 15, producer);
  await fetchJobs(producer, 1);
  const waiting = await open('other');
  const fetched = waiting.askJson('FETCH default');
  await pass(clock, 1, producer);
  assert.equal((await fetched)['jid'], jids[0]);
});

it('a worker that comes back in time keeps its jobs, however often', async (t) => {
  const { clock, open, worker, producer } = await setUp(t);
  let connection = worker;
  for (let round = 0; round < 4; round++) {
    await lose(connection, 'w', producer);
    await pass(clock, 9, producer);
    connection = await open('w');
    // Not only when it is looked at: here it is there between two looks.
    if (round % 2 === 0) await pass(clock, 5, producer);
  }
  await pass(clock, 40, producer);
  assert.deepEqual(await countsOf(producer), { queued: 1, failures: 0, working: 3, retries: 0, dead: 0 });
});

it('a worker with a connection left keeps its jobs, and so does a client without a wid', async (t) => {
  const { clock, open, worker, producer } = await setUp(t);
  const other = await open('w');
  const nameless = await open();
  await fetchJobs(nameless, 1);
  worker.socket.resetAndDestroy();
  nameless.socket.resetAndDestroy();
  type Info = { server: { connections: number } };
  while (((await producer.askJson('INFO')) as Info).server.connections > 2);
  await pass(clock, 40, producer);
  assert.equal((await countsOf(producer)).working, 4);
  assert.equal(await other.ask('BEAT {"wid":"w"}'), '+OK');
});

it('a worker without a BEAT for a minute is lost, too', async (t) => {
  const { clock, producer } = await setUp(t);
  await pass(clock, 92, producer);
  assert.equal((await countsOf(producer)).working, 0);
});

it('with 0 seconds jobs wait for the end of their reservations, as in Faktory, after a restart too', async (t) => {
  const dataDir = brokerFolder();
  // The retries wait as long as they may: 44 s.
  const options = { dataDir, lostWorkerMs: 0, ownWids: ['w'], random: () => 0.99 };
  const { broker, clock, worker, producer } = await setUp(t, options);
  await lose(worker, 'w', producer);
  await pass(clock, 600, producer);
  assert.equal((await countsOf(producer)).working, 3);
  await broker.close();
  const again = await startBroker(t, { ...options, clock });
  const client = await connectFwp(t, { port: again.port });
  assert.equal((await countsOf(client)).working, 3);
  await pass(clock, 1230, client);
  assert.deepEqual(await countsOf(client), { queued: 1, failures: 3, working: 0, retries: 3, dead: 0 });
});

it('a late ACK ends the job for the worker that has it now; a FAIL of a job that waits finds no reservation', async (t) => {
  const { clock, open, worker, producer, jids } = await setUp(t);
  await lose(worker, 'w', producer);
  await pass(clock, 16, producer);
  const [late, other] = [await open('w'), await open('other')];
  await fetchJobs(other, 1);
  assert.equal(await late.ask(`ACK {"jid":"${jids[1]}"}`), '+OK');
  assert.equal(await late.ask(`FAIL {"jid":"${jids[1]}"}`), `-ERR Job not found ${jids[1]}`);
  assert.equal(await late.ask(`ACK {"jid":"${jids[0]}"}`), '+OK');
  assert.equal(await other.ask(`FAIL {"jid":"${jids[0]}"}`), `-ERR Job not found ${jids[0]}`);
  assert.equal(await other.ask(`ACK {"jid":"${jids[0]}"}`), '+OK');
  const counts = { queued: 3, failures: 3, working: 0, retries: 0, dead: 0 };
  assert.deepEqual(await countsOf(producer), counts, 'the one that was acknowledged while it waited runs again');
});

it('a job that ends its worker every time is dead after its retries; with 0 retries it is gone, with -1 it is dead', async (t) => {
  const clock = createFakeClock();
  const broker = await startBroker(t, { clock });
  const producer = await connectFwp(t, { port: broker.port });
  const jobs = [2, 0, -1].map((retry) => makeJob({ retry }));
  await producer.ask(push(jobs));
  const counts: unknown[] = [];
  for (const jobsLeft of [3, 1, 1]) {
    const worker = await connectFwp(t, { port: broker.port, wid: 'w' });
    const fetched = await fetchJobs(worker, jobsLeft);
    assert.equal(fetched[0]?.['jid'], jobs[0]?.jid);
    await lose(worker, 'w', producer);
    await pass(clock, 16, producer);
    const { queued, dead, retries } = await countsOf(producer);
    counts.push({ queued, dead, retries });
  }
  assert.deepEqual(counts, [
    { queued: 1, dead: 1, retries: 0 },
    { queued: 1, dead: 1, retries: 0 },
    { queued: 0, dead: 2, retries: 0 },
  ]);
});

it('after a restart a worker has 15 s to come back, a worker in the process before has none', async (t) => {
  const dataDir = brokerFolder();
  const { broker, clock, lost, open, worker, jids, last } = await setUp(t, { dataDir, ownWids: ['own'] });
  const own = await open('own');
  assert.deepEqual((await fetchJobs(own, 1))[0]?.['jid'], last);
  await worker.ask('PUSHB []');
  const copy = join(brokerFolder(), 'as-after-a-kill');
  cpSync(dataDir, copy, { recursive: true });
  await broker.close();
  const again = await startBroker(t, {
    dataDir: copy,
    ownWids: ['another'],
    clock,
    onLostWorkers: (wids, jobs) => void lost.push({ wids, jobs }),
  });
  assert.equal(again.recovered.working, 4);
  const client = await connectFwp(t, { port: again.port });
  assert.deepEqual(await countsOf(client), { queued: 1, failures: 1, working: 3, retries: 0, dead: 0 });
  assert.deepEqual(lost, [{ wids: ['own'], jobs: 1 }]);
  await pass(clock, 15, client);
  assert.equal((await countsOf(client)).working, 3);
  const back = await connectFwp(t, { port: again.port, wid: 'w' });
  await pass(clock, 40, client);
  assert.equal((await countsOf(client)).working, 3);
  for (const jid of jids) assert.equal(await back.ask(`ACK {"jid":"${jid}"}`), '+OK');
  assert.deepEqual(await countsOf(client), { queued: 1, failures: 1, working: 0, retries: 0, dead: 0 });
});

it('a job that was taken back survives the next crash, once, with its attempt', async (t) => {
  const dataDir = brokerFolder();
  const options = { clock: createFakeClock(), ownWids: ['own'], dataDir };
  const first = await openBroker(options);
  const own = await connectFwp(t, { port: first.port, wid: 'own' });
  const job = makeJob();
  await own.ask(push([job]));
  await fetchJobs(own, 1);
  await first.close();
  for (let restart = 0; restart < 3; restart++) {
    const broker = await openBroker({ ...options, ownWids: [`own-${restart}`] });
    const client = await connectFwp(t, { port: broker.port });
    assert.deepEqual(await countsOf(client), { queued: 1, failures: 1, working: 0, retries: 0, dead: 0 });
    await broker.close();
  }
  const { port } = await startBroker(t, options);
  const [again] = await fetchJobs(await connectFwp(t, { port }), 1);
  assert.equal(again?.['jid'], job.jid);
  assert.equal((again?.['failure'] as { retry_count: number }).retry_count, 0);
});

it('jobs that the own worker is running are not taken back when the store has failed and works again', async (t) => {
  let failing = false;
  const { open, producer } = await setUp(t, {
    dataDir: brokerFolder(),
    ownWids: ['own'],
    wrapStore: (store) => ({
      ...store,
      write: (operations) => (failing ? Promise.reject(new Error('no space')) : store.write(operations)),
    }),
  });
  const own = await open('own');
  await fetchJobs(own, 1);
  failing = true;
  assert.match(String(await producer.ask(push([makeJob()]))), /^-ERR/);
  failing = false;
  while (String(await producer.ask('PUSHB []')).startsWith('-ERR'));
  assert.equal((await countsOf(producer)).working, 4);
});
