// Every limit, and what a client reads when it meets one.
import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import type { BrokerLimits } from '../../src/broker/limits.ts';
import { startBroker } from '../helpers/broker.ts';
import { createFakeClock } from './fake-clock.ts';
import { connectFwp, makeJob } from './fwp-client.ts';

async function open(t: TestContext, limits: Partial<BrokerLimits>) {
  const { port } = await startBroker(t, { limits });
  return { port, client: await connectFwp(t, { port }) };
}

const push = (job: unknown): string => `PUSH ${JSON.stringify(job)}`;
const pushBulk = (jobs: unknown): string => `PUSHB ${JSON.stringify(jobs)}`;

it('connections: +OK, then the reason, then the end; others go on', async (t) => {
  const { port, client } = await open(t, { connectionsMax: 2 });
  const second = await connectFwp(t, { port });
  const third = await connectFwp(t, { port, hello: 'HELLO {"v":2}' });
  assert.equal(await third.next(), '+OK');
  assert.equal(await third.next(), '-ERR too many connections: 3');
  await third.closed;
  assert.equal(await client.ask('PUSHB []'), '{}');
  second.socket.destroy();
  await second.closed;
  await client.ask('PUSHB []');
  assert.equal(await (await connectFwp(t, { port })).ask('PUSHB []'), '{}');
});

it('bytes of a wid: +OK, then the reason, then the end', async (t) => {
  const { port } = await open(t, {});
  assert.equal(await (await connectFwp(t, { port, wid: 'w'.repeat(1000) })).ask('PUSHB []'), '{}');
  const hello = `HELLO ${JSON.stringify({ v: 2, wid: `é${'w'.repeat(999)}` })}`;
  const client = await connectFwp(t, { port, hello });
  assert.equal(await client.next(), '+OK');
  assert.equal(await client.next(), '-ERR a wid holds at most 1000 bytes');
  await client.closed;
});

it('bytes of a line: the reason, then the end', async (t) => {
  const { client } = await open(t, { lineBytesMax: 1000 });
  assert.equal(await client.ask(push(makeJob({ args: ['x'.repeat(800)] }))), '+OK');
  client.socket.write('x'.repeat(1100));
  assert.equal(await client.next(), '-ERR a line holds at most 1000 bytes');
  await client.closed;
});

it('bytes of a whole line that came at once', async (t) => {
  const { client } = await open(t, { lineBytesMax: 1000 });
  assert.equal(await client.ask('x'.repeat(1100)), '-ERR a line holds at most 1000 bytes');
  await client.closed;
});

it('bytes of unfinished lines of all connections: there is room again when a connection ends', async (t) => {
  const { port, client } = await open(t, { inputBytesMax: 10_000 });
  const other = await connectFwp(t, { port });
  other.socket.write('x'.repeat(9000));
  const third = await connectFwp(t, { port });
  third.socket.write('x'.repeat(9000));
  const reason = '-ERR the broker holds too much unfinished input';
  const refused = await Promise.race([other, third].map((one) => one.next().then((reply) => ({ one, reply }))));
  assert.equal(refused.reply, reason);
  for (const one of [other, third]) one.socket.destroy();
  await Promise.all([other.closed, third.closed]);
  assert.equal(await client.ask(push(makeJob({ args: ['x'.repeat(8000)] }))), '+OK');
});

it('jobs of a PUSHB: nothing of it is stored', async (t) => {
  const { client } = await open(t, { bulkJobsMax: 2 });
  const reply = await client.ask(pushBulk([makeJob(), makeJob(), makeJob()]));
  assert.equal(reply, '-ERR not stored: a PUSHB takes at most 2 jobs, this one has 3');
  assert.equal(await client.ask(pushBulk([makeJob(), makeJob()])), '{}');
});

it('jobs in all: scheduled ones count, and there is room again when a job is fetched', async (t) => {
  const { client } = await open(t, { jobsMax: 2 });
  await client.ask(push(makeJob({ at: '2100-01-01T00:00:00Z' })));
  await client.ask(push(makeJob()));
  assert.equal(await client.ask(push(makeJob())), '-ERR not stored: the broker holds 2 jobs, its limit is 2');
  assert.equal(await client.ask(pushBulk([makeJob()])), '-ERR not stored: the broker holds 2 jobs, its limit is 2');
  await client.ask('FETCH default');
  assert.equal(await client.ask(push(makeJob())), '+OK');
});

it('queues: jobs for further names are refused one by one', async (t) => {
  const { client } = await open(t, { queuesMax: 1 });
  const good = makeJob();
  const bad = makeJob({ queue: 'another' });
  assert.deepEqual(await client.askJson(pushBulk([good])), {});
  assert.deepEqual(await client.askJson(pushBulk([makeJob(), bad])), {
    [bad.jid]: 'not stored: the broker has 1 queues, its limit',
  });
  assert.match(String(await client.ask('QUEUE PAUSE third')), /^-ERR not stored: the broker has 1 queues at most/);
});

it('reserved jobs: FETCH is an error until one is finished', async (t) => {
  const { client } = await open(t, { reservedJobsMax: 1 });
  const first = makeJob();
  await client.ask(pushBulk([first, makeJob()]));
  await client.ask('FETCH default');
  assert.equal(await client.ask('FETCH default'), '-ERR 1 jobs are reserved, ACK or FAIL some');
  await client.ask(`ACK {"jid":"${first.jid}"}`);
  assert.notEqual(await client.ask('FETCH default'), null);
});

it('reserved bytes: FETCH is an error until a job is finished', async (t) => {
  const { client } = await open(t, { reservedBytesMax: 100 });
  await client.ask(pushBulk([makeJob(), makeJob()]));
  await client.ask('FETCH default');
  assert.match(String(await client.ask('FETCH default')), /^-ERR 1 jobs are reserved/);
});

it('queues of a FETCH', async (t) => {
  const { client } = await open(t, {});
  const names = Array.from({ length: 1001 }, (_, index) => `q${index}`).join(' ');
  assert.equal(await client.ask(`FETCH ${names}`), '-ERR a FETCH takes at most 1000 queues');
});

it('dead jobs: the purge drops the oldest', async (t) => {
  const clock = createFakeClock();
  const { port } = await startBroker(t, { clock, limits: { deadJobsMax: 2 } });
  const client = await connectFwp(t, { port });
  for (let index = 0; index < 5; index++) {
    const job = makeJob({ retry: -1 });
    await client.ask(push(job));
    await client.ask('FETCH default');
    await client.ask(`FAIL {"jid":"${job.jid}"}`);
  }
  const dead = async () =>
    ((await client.askJson('INFO')) as { faktory: { sets: { dead: number } } }).faktory.sets.dead;
  assert.equal(await dead(), 5);
  clock.advance(60_000);
  while ((await dead()) > 2);
  assert.equal(await dead(), 2);
});

it('output that a client does not read: its commands wait, others are served, all replies come in the end', async (t) => {
  const { port, client } = await open(t, { outputBytesMax: 10_000 });
  const slow = await connectFwp(t, { port });
  slow.socket.pause();
  // More than the buffers of the kernel on both sides take.
  const count = 40_000;
  for (let index = 0; index < count; index++) slow.socket.write('INFO\r\n');
  const commands = async (): Promise<number> =>
    ((await client.askJson('INFO')) as { server: { command_count: number } }).server.command_count;
  let last = -1;
  for (let now = await commands(); now > last + 1; now = await commands()) last = now;
  assert.ok(last < count, `${last} commands were read`);
  slow.socket.resume();
  for (let index = 0; index < count; index++) await slow.next();
});

it('replies that wait for the disk, and bytes gathered for it: all commands get a reply in the end', async (t) => {
  const { client } = await open(t, { pendingRepliesMax: 3, groupBytesMax: 500 });
  const replies = await Promise.all(Array.from({ length: 500 }, () => client.ask(push(makeJob()))));
  assert.ok(replies.every((reply) => reply === '+OK'));
});

it('nesting: refused before it can exhaust the stack', async (t) => {
  const { client } = await open(t, {});
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  assert.match(
    String(await client.ask(`PUSH {"jid":"too-deep-1","jobtype":"x","args":${deep}}`)),
    /^-ERR invalid JSON/,
  );
  assert.equal(await client.ask('PUSHB []'), '{}');
});
