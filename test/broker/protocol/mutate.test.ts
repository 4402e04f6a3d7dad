// What the embedded broker adds to MUTATE: how many jobs it were, jobs that wait in queues, and no harm to the others.
import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import type { AuditEntry } from '../../../src/broker/protocol/audit.ts';
import type { BrokerOptions } from '../../../src/broker/broker.ts';
import { brokerFolder, startBroker } from '../../helpers/broker.ts';
import { connectFwp, makeJob, type FwpClient } from '../fwp-client.ts';

const push = (jobs: unknown): string => `PUSHB ${JSON.stringify(jobs)}`;

const affectedBy = async (client: FwpClient, operation: object): Promise<unknown> =>
  (await client.askJson(`MUTATE ${JSON.stringify({ report: true, ...operation })}`))['affected'];

const cancel = (client: FwpClient, ...jids: string[]): Promise<unknown> =>
  affectedBy(client, { cmd: 'discard', target: 'queues', filter: { jids } });

async function open(t: TestContext, options: BrokerOptions = {}) {
  const broker = await startBroker(t, options);
  return { broker, client: await connectFwp(t, { port: broker.port }) };
}

async function drain(client: FwpClient, count: number, queue = 'default'): Promise<string[]> {
  const jids: string[] = [];
  while (jids.length < count) jids.push((await client.askJson(`FETCH ${queue}`))['jid'] as string);
  return jids;
}

const queuedOf = async (client: FwpClient): Promise<number> =>
  ((await client.askJson('INFO')) as { faktory: { total_enqueued: number } }).faktory.total_enqueued;

it('reports how many jobs it has changed, when it is asked to', async (t) => {
  const { client } = await open(t);
  const at = '2100-01-01T00:00:00Z';
  await client.ask(push([makeJob({ at }), makeJob({ at, jobtype: 'a b' }), makeJob({ at })]));
  assert.equal(await affectedBy(client, { cmd: 'kill', target: 'scheduled', filter: { jobtype: 'a b' } }), 1);
  assert.equal(await affectedBy(client, { cmd: 'requeue', target: 'dead' }), 1);
  assert.equal(await affectedBy(client, { cmd: 'discard', target: 'scheduled', filter: { jids: ['never-seen'] } }), 0);
  assert.equal(await affectedBy(client, { cmd: 'clear', target: 'scheduled' }), 2);
});

it('reports which of the given jids it has changed, wherever the jobs waited', async (t) => {
  const { broker, client } = await open(t);
  const worker = await connectFwp(t, { port: broker.port, wid: 'w' });
  const jobs = Array.from({ length: 4 }, () => makeJob());
  const [returned, queued, cancelled, kept] = jobs.map(({ jid }) => jid) as [string, string, string, string];
  await client.ask(push(jobs));
  await worker.askJson('FETCH default');
  worker.socket.write('END\r\n');
  await worker.closed;
  await cancel(client, cancelled);
  const scheduled = makeJob({ at: '2100-01-01T00:00:00Z' });
  await client.ask(push([scheduled, makeJob({ at: '2100-01-01T00:00:00Z' })]));
  const told = (target: string, ...jids: string[]) =>
    client.askJson(`MUTATE ${JSON.stringify({ cmd: 'discard', target, filter: { jids }, report: true })}`);
  const all = [returned, queued, cancelled, scheduled.jid, 'never-seen'];
  assert.deepEqual(await told('scheduled', ...all), { affected: 1, jids: [scheduled.jid] });
  assert.deepEqual(await told('queues', ...all), { affected: 2, jids: [returned, queued] });
  assert.deepEqual(await told('queues', ...all), { affected: 0, jids: [] });
  assert.deepEqual(await drain(client, 1), [kept]);
});

it('discards a job that waits in a queue, once, and none that has started', async (t) => {
  const entries: AuditEntry[] = [];
  const { client } = await open(t, { onAudit: (entry) => entries.push(entry) });
  const jobs = Array.from({ length: 5 }, () => makeJob());
  const jids = jobs.map(({ jid }) => jid);
  await client.ask(push(jobs));
  await drain(client, 1);
  assert.equal(await cancel(client, jids[0] as string), 0, 'it has started');
  assert.equal(await cancel(client, jids[2] as string, 'never-seen-1'), 1);
  assert.equal(await cancel(client, jids[2] as string), 0);
  assert.equal(await queuedOf(client), 3);
  assert.deepEqual(await drain(client, 3), [jids[1], jids[3], jids[4]]);
  assert.equal(await queuedOf(client), 0);
  const { command, details } = entries[1] as AuditEntry;
  assert.deepEqual([command, details], ['MUTATE discard queues', { affected: 1, jids: 2 }]);
});

it('wants jids for the queues, and nothing but a discard', async (t) => {
  const { client } = await open(t);
  for (const operation of [
    { cmd: 'clear' },
    { cmd: 'discard' },
    { cmd: 'kill', filter: { jids: ['x'] } },
    { cmd: 'discard', filter: { jobtype: 'x' } },
  ]) {
    const reply = await client.ask(`MUTATE ${JSON.stringify({ target: 'queues', ...operation })}`);
    assert.match(String(reply), /^-ERR jobs in queues can only be discarded, and by their jids/);
  }
});

it('a cancelled job stays so over a restart, and its queue agrees with its counts', async (t) => {
  const dataDir = brokerFolder();
  const jobs = Array.from({ length: 3000 }, (_, index) =>
    makeJob({ args: [index], queue: index % 2 ? 'odd' : 'even' }),
  );
  const gone = [jobs[0], jobs[1], jobs[1500], jobs[2999]].map((job) => job?.jid as string);
  {
    const { broker, client } = await open(t, { dataDir });
    await client.ask(push(jobs));
    assert.equal(await cancel(client, ...gone), 4);
    await broker.close();
  }
  const { broker, client } = await open(t, { dataDir });
  assert.equal(broker.recovered.queued, 2996);
  const left = jobs.map(({ jid }) => jid).filter((jid) => !gone.includes(jid));
  const fetched = [...(await drain(client, 1498, 'even')), ...(await drain(client, 1498, 'odd'))];
  assert.deepEqual(fetched.sort(), left.sort());
  await client.ask('PUSHB []');
  await broker.close();
  assert.equal((await open(t, { dataDir })).broker.recovered.queued, 0);
});

it('a requeued job can be cancelled, and a queue that holds one can be removed', async (t) => {
  const dataDir = brokerFolder();
  const { broker, client } = await open(t, { dataDir });
  const worker = await connectFwp(t, { port: broker.port, wid: 'w' });
  const [first, second] = [makeJob(), makeJob()];
  await client.ask(push([first, second, makeJob()]));
  await drain(worker, 2);
  worker.socket.write('END\r\n');
  await worker.closed;
  assert.equal(await cancel(client, first.jid), 1);
  assert.deepEqual(await drain(client, 1), [second.jid]);
  assert.equal(await client.ask('QUEUE REMOVE default'), '+OK');
  await broker.close();
  assert.deepEqual((await open(t, { dataDir })).broker.recovered.queued, 0);
});

it('limits the cancelled jobs that are held in memory', async (t) => {
  const { client } = await open(t, { limits: { cancelledJobsMax: 1 } });
  const [one, other] = [makeJob(), makeJob()];
  await client.ask(push([one, other]));
  assert.equal(await cancel(client, one.jid), 1);
  const operation = { cmd: 'discard', target: 'queues', filter: { jids: [other.jid] } };
  assert.match(
    String(await client.ask(`MUTATE ${JSON.stringify(operation)}`)),
    /^-ERR not stored: at most 1 cancelled job/,
  );
  assert.equal(await queuedOf(client), 1);
});

it('wants room for the jobs that it finds, not for the jids that it is given', async (t) => {
  const { client } = await open(t, { limits: { cancelledJobsMax: 1 } });
  const job = makeJob();
  await client.ask(push([job]));
  assert.equal(await cancel(client, job.jid, 'no-such-job', 'nor-this-one'), 1);
});

it('cancels none of the jobs when there is no room for all', async (t) => {
  const { client } = await open(t, { limits: { cancelledJobsMax: 2 } });
  const jobs = [makeJob(), makeJob(), makeJob()];
  await client.ask(push(jobs));
  const operation = { cmd: 'discard', target: 'queues', filter: { jids: jobs.map(({ jid }) => jid) } };
  assert.match(String(await client.ask(`MUTATE ${JSON.stringify(operation)}`)), /^-ERR not stored: /);
  assert.equal(await queuedOf(client), 3);
});

it('moves the jobs that a set held at the call, page by page, while others push and fetch', async (t) => {
  const { broker, client } = await open(t, { dataDir: brokerFolder() });
  const other = await connectFwp(t, { port: broker.port });
  const jobs = Array.from({ length: 5000 }, () => makeJob({ at: '2100-01-01T00:00:00Z', jobtype: 'moved' }));
  await client.ask(push(jobs));
  const moved = affectedBy(client, { cmd: 'kill', target: 'scheduled', filter: { regexp: '*moved*' } });
  const job = makeJob();
  assert.equal(await other.ask(push([job])), '{}');
  assert.deepEqual(await drain(other, 1), [job.jid]);
  assert.equal(await moved, 5000);
  assert.equal(await affectedBy(client, { cmd: 'kill', target: 'dead', filter: { jobtype: 'moved' } }), 5000);
  assert.equal(await affectedBy(client, { cmd: 'discard', target: 'dead', filter: { regexp: '*' } }), 5000);
  await broker.close();
});

it('replies to a client that has closed its side, and to no later command before', async (t) => {
  const { client } = await open(t);
  const at = '2100-01-01T00:00:00Z';
  await client.ask(push([makeJob({ at })]));
  client.socket.allowHalfOpen = true;
  client.socket.end('MUTATE {"cmd":"clear","target":"scheduled","report":true}\r\nPUSHB []\r\n');
  assert.deepEqual([await client.next(), await client.next()], ['{"affected":1}', '{}']);
});
