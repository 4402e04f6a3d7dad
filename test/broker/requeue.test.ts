// Jobs that a worker gives back: it goes in order, with END on its connections, and what it has not finished runs elsewhere
// at once, before what came later, without an attempt counted.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { brokerFolder, startBroker } from '../helpers/broker.ts';
import { startFaktory } from '../helpers/real-faktory.ts';
import { faktoryPath } from '../helpers/real-parts.ts';
import { createFakeClock } from './fake-clock.ts';
import { connectFwp, makeJob, type FwpClient } from './fwp-client.ts';

const push = (jobs: unknown): string => `PUSHB ${JSON.stringify(jobs)}`;

async function sayEnd(...clients: FwpClient[]): Promise<void> {
  for (const client of clients) {
    client.socket.write('END\r\n');
    await client.closed;
  }
}

async function fetchJids(client: FwpClient, count: number, queue = 'default'): Promise<string[]> {
  const jids: string[] = [];
  while (jids.length < count) jids.push((await client.askJson(`FETCH ${queue}`))['jid'] as string);
  return jids;
}

async function countsOf(client: FwpClient) {
  const { faktory } = (await client.askJson('INFO')) as {
    faktory: { total_enqueued: number; total_failures: number; sets: { working: number } };
  };
  return { queued: faktory.total_enqueued, working: faktory.sets.working, failures: faktory.total_failures };
}

/** A worker on two connections has the first three of four jobs. */
async function setUp(t: TestContext, options: { dataDir?: string } = {}) {
  const broker = await startBroker(t, { clock: createFakeClock(), ...options });
  const open = (wid?: string) => connectFwp(t, { port: broker.port, ...(wid !== undefined && { wid }) });
  const [one, other, producer] = [await open('w'), await open('w'), await open()];
  const jobs = Array.from({ length: 4 }, (_, index) => makeJob({ args: [index], custom: { a: 1 } }));
  const jids = jobs.map(({ jid }) => jid);
  await producer.ask(push(jobs));
  assert.deepEqual([...(await fetchJids(one, 2)), ...(await fetchJids(other, 1))], jids.slice(0, 3));
  return { broker, open, one, other, producer, jobs, jids };
}

it('all jobs of a worker that has said END go out again in their order, before later ones', async (t) => {
  const { one, other, producer, jobs, jids } = await setUp(t);
  await sayEnd(one);
  assert.deepEqual(await countsOf(producer), { queued: 1, working: 3, failures: 0 }, 'it has a connection left');
  await sayEnd(other);
  assert.deepEqual(await countsOf(producer), { queued: 4, working: 0, failures: 0 });
  const { enqueued_at: _, created_at: __, ...first } = await producer.askJson('FETCH default');
  assert.deepEqual(first, { retry: 25, queue: 'default', ...jobs[0] }, 'no failure, no attempt');
  assert.deepEqual(await fetchJids(producer, 3), jids.slice(1));
  assert.deepEqual(await countsOf(producer), { queued: 0, working: 4, failures: 0 });
});

it('a job whose FAIL has give_back goes out again, before later ones, and no attempt is counted', async (t) => {
  const dataDir = brokerFolder();
  const { broker, one, producer, jobs, jids } = await setUp(t, { dataDir });
  const requeue = (jid: string, fields: object = {}): string =>
    `FAIL ${JSON.stringify({ jid, errtype: 'GivenBack', message: 'm', backtrace: [], give_back: true, ...fields })}`;
  assert.equal(await one.ask(requeue(jids[1] as string)), '+OK');
  assert.equal(await one.ask(requeue(jids[1] as string)), `-ERR Job not found ${jids[1]}`);
  assert.deepEqual(await countsOf(producer), { queued: 2, working: 2, failures: 0 });
  const { enqueued_at: _, created_at: __, ...first } = await producer.askJson('FETCH default');
  assert.deepEqual(first, { retry: 25, queue: 'default', ...jobs[1] });
  assert.equal(await one.ask(requeue(jids[0] as string, { give_back: false })), '+OK');
  assert.deepEqual(await countsOf(producer), { queued: 1, working: 2, failures: 1 }, 'a FAIL like any other');
  assert.match(String(await one.ask(requeue(jids[2] as string, { give_back: 'yes' }))), /^-ERR invalid FAIL/);
  assert.equal(await one.ask(requeue(jids[2] as string)), '+OK');
  await broker.close();
  const again = await startBroker(t, { dataDir });
  assert.deepEqual([again.recovered.queued, again.recovered.working], [2, 1]);
  assert.deepEqual(await fetchJids(await connectFwp(t, { port: again.port }), 2), jids.slice(2));
});

it('a FAIL ends no reservation of another worker, an ACK does', async (t) => {
  const { one, producer, open, jids } = await setUp(t);
  const stranger = await open('v');
  for (const fields of [{}, { give_back: true }])
    assert.equal(
      await stranger.ask(`FAIL ${JSON.stringify({ jid: jids[0], ...fields })}`),
      `-ERR Job not found ${jids[0]}`,
    );
  assert.deepEqual(await countsOf(producer), { queued: 1, working: 3, failures: 0 });
  assert.equal(await stranger.ask(`ACK {"jid":"${jids[0]}"}`), '+OK');
  assert.equal(await one.ask(`FAIL {"jid":"${jids[1]}"}`), '+OK');
  assert.deepEqual(await countsOf(producer), { queued: 1, working: 1, failures: 1 });
});

it('of two reservations of one jid each worker ends its own, and a client without a wid the latest', async (t) => {
  const broker = await startBroker(t);
  const open = (wid?: string) => connectFwp(t, { port: broker.port, ...(wid !== undefined && { wid }) });
  const [first, second, producer] = [await open('v'), await open('w'), await open()];
  const job = makeJob();
  const pushTwice = async (): Promise<void> => {
    for (let copy = 0; copy < 2; copy++) await producer.ask(push([job]));
    for (const worker of [first, second]) assert.deepEqual(await fetchJids(worker, 1), [job.jid]);
  };
  await pushTwice();
  assert.equal(await first.ask(`ACK {"jid":"${job.jid}"}`), '+OK');
  assert.equal(await second.ask(`FAIL {"jid":"${job.jid}"}`), '+OK');
  assert.deepEqual(await countsOf(producer), { queued: 0, working: 0, failures: 1 });
  await pushTwice();
  for (let copy = 0; copy < 2; copy++) assert.equal(await producer.ask(`FAIL {"jid":"${job.jid}"}`), '+OK');
  assert.deepEqual(await countsOf(producer), { queued: 0, working: 0, failures: 3 });
});

it('after END, acknowledged jobs are done, and other workers keep their jobs', async (t) => {
  const { one, other, producer, jids } = await setUp(t);
  assert.deepEqual(await fetchJids(producer, 1), [jids[3]]);
  other.socket.write(`ACK {"jid":"${jids[1]}"}\r\n`);
  await other.next();
  await sayEnd(one, other);
  assert.deepEqual(await countsOf(producer), { queued: 2, working: 1, failures: 0 });
  assert.deepEqual(await fetchJids(producer, 2), [jids[0], jids[2]]);
});

it('a worker whose last connection is lost keeps its jobs until their time is up', async (t) => {
  const { one, other, producer } = await setUp(t);
  await sayEnd(one);
  other.socket.destroy();
  await other.closed;
  while ((await producer.ask('BEAT {"wid":"w"}')) === '+OK');
  assert.deepEqual(await countsOf(producer), { queued: 1, working: 3, failures: 0 });
});

it('a connection that was lost before END does not keep the jobs of its worker from their queues', async (t) => {
  const { one, other, producer } = await setUp(t);
  one.socket.destroy();
  await one.closed;
  // The broker has seen it when the worker's last connection is the only one left beside the producer.
  type Info = { server: { connections: number } };
  while (((await producer.askJson('INFO')) as Info).server.connections > 2);
  await sayEnd(other);
  assert.equal((await countsOf(producer)).working, 0);
});

it('a requeued job wakes a client that waits for its queue, unless the queue is paused', async (t) => {
  const { one, other, producer, open, jids } = await setUp(t);
  const waiting = await open();
  await fetchJids(producer, 1);
  const fetched = waiting.askJson('FETCH default');
  await producer.ask('PUSHB []');
  await sayEnd(one);
  await producer.ask('QUEUE PAUSE default');
  await sayEnd(other);
  assert.deepEqual(await countsOf(producer), { queued: 3, working: 1, failures: 0 });
  await producer.ask('QUEUE RESUME default');
  assert.equal((await fetched)['jid'], jids[0]);
});

it('requeued jobs are at the head after a crash, and END requeues jobs that a worker held before a restart', async (t) => {
  const dataDir = brokerFolder();
  const { broker, one, other, producer, jids } = await setUp(t, { dataDir });
  await sayEnd(one, other);
  const later = makeJob();
  assert.equal(await producer.ask(push([later])), '{}', 'stored after the END');
  const copy = join(brokerFolder(), 'as-after-a-crash');
  cpSync(dataDir, copy, { recursive: true });
  await broker.close();
  for (const folder of [copy, dataDir]) {
    const again = await startBroker(t, { dataDir: folder });
    assert.deepEqual([again.recovered.queued, again.recovered.working], [5, 0]);
    const worker = await connectFwp(t, { port: again.port, wid: 'w' });
    assert.deepEqual(await fetchJids(worker, 3), jids.slice(0, 3));
    await again.close();
    const third = await startBroker(t, { dataDir: folder });
    assert.deepEqual([third.recovered.queued, third.recovered.working], [2, 3]);
    await sayEnd(await connectFwp(t, { port: third.port, wid: 'w' }));
    const client = await connectFwp(t, { port: third.port });
    assert.deepEqual(await fetchJids(client, 5), [...jids, later.jid]);
    await third.close();
  }
});

it('requeued jobs are removed with their queue, and by FLUSH', async (t) => {
  for (const command of ['QUEUE REMOVE default', 'FLUSH']) {
    const dataDir = brokerFolder();
    const { broker, one, other, producer } = await setUp(t, { dataDir });
    await sayEnd(one, other);
    assert.equal(await producer.ask(command), '+OK');
    assert.equal((await countsOf(producer)).queued, 0);
    await broker.close();
    const { recovered } = await startBroker(t, { dataDir });
    assert.deepEqual([recovered.queued, recovered.queues, recovered.working], [0, 0, 0]);
  }
});

it('jobs of a queue that was removed meanwhile make it anew, for good', async (t) => {
  const dataDir = brokerFolder();
  const { broker, one, other, producer, jids } = await setUp(t, { dataDir });
  await producer.ask('QUEUE REMOVE default');
  await sayEnd(one, other);
  assert.equal((await countsOf(producer)).queued, 3);
  await broker.close();
  const { port, recovered } = await startBroker(t, { dataDir });
  assert.deepEqual([recovered.queued, recovered.queues], [3, 1]);
  assert.deepEqual(await fetchJids(await connectFwp(t, { port }), 3), jids.slice(0, 3));
});

const noFaktory = faktoryPath() === undefined ? 'NOT TESTED: Faktory is not here' : false;

it('real Faktory ignores give_back in a FAIL', { skip: noFaktory }, async (t) => {
  const { port } = await startFaktory(t);
  const worker = await connectFwp(t, { port, wid: 'w' });
  const { jid } = makeJob();
  await worker.ask(push([makeJob({ jid })]));
  assert.deepEqual(await fetchJids(worker, 1), [jid]);
  assert.equal(await worker.ask(`FAIL {"jid":"${jid}","errtype":"E","message":"m","give_back":true}`), '+OK');
  assert.deepEqual(await countsOf(worker), { queued: 0, working: 0, failures: 1 });
});
