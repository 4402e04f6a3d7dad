// Where the embedded broker differs from Faktory on purpose: each line of docs/broker.md that no other test here holds.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { brokerFolder, startBroker } from '../helpers/broker.ts';
import { createFakeClock } from './fake-clock.ts';
import { connectFwp, makeJob } from './fwp-client.ts';

const push = (job: unknown): string => `PUSH ${JSON.stringify(job)}`;

it('a bare verb gets an error and stops nothing', async (t) => {
  const { port } = await startBroker(t);
  const client = await connectFwp(t, { port });
  for (const verb of ['PUSH', 'PUSHB', 'FETCH', 'ACK', 'FAIL', 'BEAT', 'QUEUE', 'MUTATE', 'TRACK', 'BATCH', '', ' ']) {
    assert.match(String(await client.ask(verb)), /^-ERR /, verb);
  }
  for (const text of ['null', '7', '"x"', '[]', '{}', '{"jid":7}', '\u0000']) {
    for (const verb of ['PUSH', 'ACK', 'FAIL', 'BEAT']) {
      assert.match(String(await client.ask(`${verb} ${text}`)), /^-ERR /, `${verb} ${text}`);
    }
  }
  assert.equal(await client.ask('PUSHB [null]'), '{"":"jobs must have a reasonable jid parameter"}');
  assert.equal(await client.ask(push(makeJob())), '+OK');
});

it('a job without `retry` has 25 of them, whatever other clients have pushed before', async (t) => {
  const { port } = await startBroker(t);
  const client = await connectFwp(t, { port });
  for (const retry of [0, -1, 7]) {
    assert.equal(await client.ask(push(makeJob({ queue: 'other', retry }))), '+OK');
    assert.equal(await client.ask(push(makeJob())), '+OK');
    assert.equal(await client.ask(`PUSHB [${JSON.stringify(makeJob())}]`), '{}');
    for (let count = 0; count < 2; count++) assert.equal((await client.askJson('FETCH default'))['retry'], 25);
  }
});

it('a PUSHB to several queues is stored whole, however deep an unknown field is', async (t) => {
  const { port } = await startBroker(t);
  const client = await connectFwp(t, { port });
  const [first, second, third] = [makeJob({ queue: 'a' }), makeJob({ queue: 'b' }), makeJob({ queue: 'a' })];
  const junk = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  const deep = JSON.stringify(second).replace(/\}$/, `,"junk":${junk}}`);
  assert.equal(await client.ask(`PUSHB [${JSON.stringify(first)},${deep},${JSON.stringify(third)}]`), '{}');
  for (const job of [first, third, second]) assert.equal((await client.askJson('FETCH a b'))['jid'], job.jid);
});

it('queue names that are keys of Faktory itself are names like any other', async (t) => {
  const dataDir = brokerFolder();
  const names = ['working', 'retries', 'scheduled', 'dead', 'queues', 'paused', 'processed', 'failures', '__proto__'];
  const jobs = names.map((queue) => makeJob({ queue }));
  {
    const broker = await startBroker(t, { dataDir });
    const client = await connectFwp(t, { port: broker.port });
    for (const job of jobs) assert.equal(await client.ask(push(job)), '+OK');
    await broker.close();
  }
  const { port } = await startBroker(t, { dataDir });
  const client = await connectFwp(t, { port });
  for (const [index, job] of jobs.entries()) {
    assert.equal((await client.askJson(`FETCH ${names[index]}`))['jid'], job.jid);
  }
});

it('FLUSH forgets the names of queues, and that they were paused', async (t) => {
  const { port } = await startBroker(t);
  const client = await connectFwp(t, { port });
  await client.ask('QUEUE PAUSE default');
  await client.ask('FLUSH');
  const { faktory } = (await client.askJson('INFO')) as { faktory: { queues: object } };
  assert.deepEqual(faktory.queues, {});
  await client.ask(push(makeJob()));
  assert.notEqual(await client.ask('FETCH default'), null);
});

it('a stop replies to clients that wait, refuses later commands, and keeps acknowledged jobs', async (t) => {
  const dataDir = brokerFolder();
  const broker = await startBroker(t, { dataDir, clock: createFakeClock() });
  const [worker, producer] = await Promise.all([1, 2].map(() => connectFwp(t, { port: broker.port })));
  assert.ok(worker && producer);
  const fetched = worker.ask('FETCH other');
  const replies = Array.from({ length: 100 }, () => producer.ask(push(makeJob())).catch(() => 'closed'));
  await producer.ask('PUSHB []');
  const closed = broker.close();
  assert.equal(await fetched, '-ERR shutdown in progress');
  const stored = (await Promise.all(replies)).filter((reply) => reply === '+OK').length;
  await closed;
  assert.equal((await startBroker(t, { dataDir })).recovered.queued, stored);
});

it('numbers and text come back as they were sent, without escapes for HTML', async (t) => {
  const { port } = await startBroker(t);
  const client = await connectFwp(t, { port });
  const args = '[1,-0.5,1e-7,9007199254740991,"<&>é\\u2028😀","\\n"]';
  await client.ask(`PUSH {"jid":"as-it-was-1","jobtype":"t","args":${args}}`);
  const reply = String(await client.ask('FETCH default'));
  assert.deepEqual((JSON.parse(reply) as { args: unknown }).args, JSON.parse(args));
  assert.ok(reply.includes('<&>'));
});
