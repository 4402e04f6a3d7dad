// FETCH: who gets which job, and what becomes of a job whose client has gone.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brokerFolder, openBroker, startBroker } from '../../helpers/broker.ts';
import { createFakeClock } from '../fake-clock.ts';
import { connectFwp, makeJob, type FwpClient } from '../fwp-client.ts';

const push = (job: unknown): string => `PUSH ${JSON.stringify(job)}`;

async function factsOf(client: FwpClient) {
  const { faktory, server } = (await client.askJson('INFO')) as {
    faktory: { total_enqueued: number; sets: { working: number } };
    server: { connections: number };
  };
  return { queued: faktory.total_enqueued, working: faktory.sets.working, connections: server.connections };
}

for (const [name, leave] of [
  ['closes its socket', (client: FwpClient) => client.socket.destroy()],
  ['resets its socket', (client: FwpClient) => client.socket.resetAndDestroy()],
  ['closes its side only', (client: FwpClient) => client.socket.end()],
] as const) {
  it(`a client that ${name} during FETCH takes no job`, async (t) => {
    const { port } = await startBroker(t);
    const [worker, producer] = [await connectFwp(t, { port }), await connectFwp(t, { port })];
    worker.socket.write('FETCH default\r\n');
    await producer.ask('PUSHB []');
    leave(worker);
    while ((await factsOf(producer)).connections > 1);
    await producer.ask(push(makeJob()));
    assert.deepEqual(await factsOf(producer), { queued: 1, working: 0, connections: 1 });
  });
}

it('a job for a client that leaves before the reply is stored goes back to the queue', async (t) => {
  let release = () => {};
  let held = false;
  const { port } = await startBroker(t, {
    wrapStore: (store) => ({
      ...store,
      async write(operations) {
        if (held) await new Promise<void>((resolve) => (release = resolve));
        return store.write(operations);
      },
    }),
  });
  const [worker, producer] = [await connectFwp(t, { port }), await connectFwp(t, { port })];
  const job = makeJob();
  await producer.ask(push(job));
  held = true;
  worker.socket.write('FETCH default\r\n');
  while ((await factsOf(producer)).working === 0);
  worker.socket.resetAndDestroy();
  while ((await factsOf(producer)).connections > 1);
  held = false;
  release();
  const fetched = await producer.askJson('FETCH default');
  assert.equal(fetched['jid'], job.jid);
  assert.equal((await factsOf(producer)).working, 1);
});

it('clients get jobs in the order in which they began to wait', async (t) => {
  const { port } = await startBroker(t);
  const clients = await Promise.all([1, 2, 3].map(() => connectFwp(t, { port })));
  const producer = await connectFwp(t, { port });
  const order: number[] = [];
  const fetches: Promise<unknown>[] = [];
  for (const [index, client] of clients.entries()) {
    fetches.push(client.ask('FETCH a b').then(() => order.push(index)));
    // A round trip of another connection: the FETCH has been read before the next one is written.
    await producer.ask('PUSHB []');
  }
  for (const [index, fetched] of fetches.entries()) {
    await producer.ask(push(makeJob({ queue: index % 2 ? 'a' : 'b' })));
    await fetched;
  }
  assert.deepEqual(order, [0, 1, 2]);
});

it('RESUME wakes the clients that wait for the paused queue', async (t) => {
  const clock = createFakeClock();
  const { port } = await startBroker(t, { clock });
  const [worker, producer] = [await connectFwp(t, { port }), await connectFwp(t, { port })];
  const job = makeJob();
  await producer.ask('QUEUE PAUSE default');
  await producer.ask(push(job));
  const fetched = worker.askJson('FETCH default');
  await producer.ask('PUSHB []');
  await producer.ask('QUEUE RESUME *');
  assert.equal((await fetched)['jid'], job.jid);
});

it('two reservations of one jid end one by one', async (t) => {
  const { port } = await startBroker(t);
  const client = await connectFwp(t, { port });
  const job = makeJob();
  for (let copy = 0; copy < 3; copy++) await client.ask(push(job));
  for (let copy = 0; copy < 3; copy++) await client.ask('FETCH default');
  await client.ask(`ACK {"jid":"${job.jid}"}`);
  assert.equal(await client.ask(`FAIL {"jid":"${job.jid}"}`), '+OK');
  assert.equal((await factsOf(client)).working, 1);
});

describe('a queue that is longer than what is kept in memory', () => {
  const total = 16_000;

  for (const size of [7, 500] as const) {
    it(`is handed out whole and in order, stored in groups of ${size}, across a restart, while it grows`, async (t) => {
      const dataDir = brokerFolder();
      const jids: string[] = [];
      const seen: string[] = [];

      async function run(pushes: number, fetches: number): Promise<void> {
        const broker = await openBroker({ dataDir });
        const [producer, worker] = await Promise.all([1, 2].map(() => connectFwp(t, { port: broker.port })));
        assert.ok(producer && worker);
        const pushed: Promise<unknown>[] = [];
        for (let count = 0; count < pushes; count += size) {
          const jobs = Array.from({ length: Math.min(size, pushes - count) }, () => makeJob());
          jids.push(...jobs.map((job) => job.jid));
          pushed.push(producer.ask(`PUSHB ${JSON.stringify(jobs)}`));
        }
        const replies = await Promise.all(Array.from({ length: fetches }, () => worker.askJson('FETCH default')));
        await Promise.all(pushed);
        seen.push(...replies.map((reply) => String(reply['jid'])));
        await Promise.all(replies.map((reply) => worker.ask(`ACK {"jid":"${String(reply['jid'])}"}`)));
        await broker.close();
      }

      await run(total / 2, 0);
      await run(0, 1234);
      await run(total / 2, total / 2);
      await run(0, total / 2 - 1234);
      assert.equal(seen.length, total);
      assert.deepEqual(seen, jids);
      const { recovered } = await startBroker(t, { dataDir });
      assert.deepEqual([recovered.queued, recovered.working], [0, 0]);
    });
  }

  it('is read again when a read has missed jobs that were stored meanwhile', async (t) => {
    let stored = () => {};
    let serving = false;
    const { port } = await startBroker(t, {
      clock: createFakeClock(),
      // Nothing is kept in memory: every job is read from the store.
      limits: { windowBytesMax: 0 },
      wrapStore: (store) => ({
        ...store,
        async write(operations) {
          await store.write(operations);
          setImmediate(stored);
        },
        async page(...range) {
          const records = await store.page(...range);
          // An empty page comes back late: after the group that it has missed.
          if (serving && records.length === 0) await new Promise<void>((resolve) => (stored = resolve));
          return records;
        },
      }),
    });
    serving = true;
    const client = await connectFwp(t, { port });
    for (let count = 0; count < 10; count++) {
      const job = makeJob();
      const fetched = client.askJson('FETCH default');
      const producer = await connectFwp(t, { port });
      await producer.ask(push(job));
      assert.equal((await fetched)['jid'], job.jid);
    }
  });

  it('tells the age of its head after a restart', async (t) => {
    const dataDir = brokerFolder();
    const clock = createFakeClock();
    const first = await openBroker({ dataDir, clock });
    const client = await connectFwp(t, { port: first.port });
    await client.ask(push(makeJob()));
    await first.close();
    clock.advance(90_000);
    const second = await startBroker(t, { dataDir, clock });
    const other = await connectFwp(t, { port: second.port });
    let latency: Record<string, unknown>;
    do latency = await other.askJson('QUEUE LATENCY default');
    while (latency['default'] === 0);
    assert.deepEqual(latency, { default: 90 });
  });
});
