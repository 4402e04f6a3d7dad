import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/domain/clock.ts';
import type { Job } from '../../src/domain/job.ts';
import type { Outcome, FrameSender } from '../../src/domain/producer.ts';
import type { FaktoryClient } from '../../src/faktory/client.ts';
import type { ReplyHandler } from '../../src/faktory/connection-options.ts';
import { createFrameSender } from '../../src/faktory/frame-sender.ts';
import { createFakeClock, type FakeClock } from '../helpers/fake-clock.ts';
import { startBroker } from '../helpers/broker.ts';
import { startDelayProxy } from '../helpers/fault-proxy.ts';
import { createJobs, createProducer, type ProducerOptions, type ProducerParts } from '../helpers/producer.ts';
import { bulk, jidsOf, ok, refusals, startScriptedBroker, type Peer, type Script } from '../helpers/scripted-broker.ts';

async function setUp(t: TestContext, script: Script = {}, options: ProducerOptions = {}) {
  const broker = await startScriptedBroker({ script });
  t.after(() => broker.close());
  const parts = createProducer(t, broker.port, options);
  await parts.client.warm;
  return { broker, ...parts };
}

const send = (sender: FrameSender, jobs: readonly Job[]): Promise<readonly Outcome[]> =>
  new Promise((resolve) => sender.send(jobs, resolve));

/** The kernel takes a small write at once; the socket says so a little later. */
const untilRoom = ({ sender, changes }: Pick<ProducerParts, 'sender' | 'changes'>): Promise<void> =>
  changes.until(() => sender.slots > 0);

const kindsOf = (outcomes: readonly Outcome[]): string[] => outcomes.map(({ kind }) => kind);
const replyLater = (held: { line: string; peer: Peer }[]) => (line: string, peer: Peer) => {
  held.push({ line, peer });
  return undefined;
};

/** The frames as they are counted when the broker gives these replies. */
async function framesOf(t: TestContext, replies: string[], frames: readonly (readonly Job[])[]): Promise<string[]> {
  const { client } = await setUp(t, { reply: () => replies.shift() });
  const counted: string[] = [];
  const sender = createFrameSender({
    client,
    clock: systemClock,
    onChange: () => undefined,
    onFrame: (jobs, seconds, outcome) => {
      assert.ok(seconds >= 0 && seconds < 10);
      counted.push(`${jobs} ${outcome}`);
    },
  });
  for (const jobs of frames) await send(sender, jobs);
  return counted;
}

describe('the frame sender', () => {
  it('sends the jobs of a frame in one PUSHB, as they are', async (t) => {
    const { broker, sender } = await setUp(t);
    const jobs = createJobs(3);
    assert.deepEqual(kindsOf(await send(sender, jobs)), ['enqueued', 'enqueued', 'enqueued']);
    assert.deepEqual(broker.lines, [`PUSHB [${jobs.map(({ encoded }) => encoded).join(',')}]`]);
  });

  it('gives each job its own outcome, in input order', async (t) => {
    const jobs = createJobs(3);
    const [, second, third] = jobs as [Job, Job, Job];
    const { sender } = await setUp(t, {
      reply: () => refusals({ [third.jid]: 'EOF', [second.jid]: 'jobs must have an args parameter' }),
    });
    assert.deepEqual(kindsOf(await send(sender, jobs)), ['enqueued', 'refused', 'unknown']);
  });

  it('has several frames on one connection without waiting for replies, each with its own', async (t) => {
    const held: { line: string; peer: Peer }[] = [];
    const { broker, sender, changes } = await setUp(t, { reply: replyLater(held) });
    const [first, second] = [createJobs(1), createJobs(1)] as const;
    const firstOutcome = send(sender, first);
    assert.equal(sender.slots, 0, 'one write at a time');
    await untilRoom({ sender, changes });
    const secondOutcome = send(sender, second);
    await broker.until(() => held.length === 2);
    assert.equal(sender.inFlight, 2);
    broker.peers[0]?.write(refusals() + refusals({ [second[0]?.jid ?? '']: 'EOF' }));
    assert.deepEqual(kindsOf(await firstOutcome), ['enqueued']);
    assert.deepEqual(kindsOf(await secondOutcome), ['unknown']);
    assert.equal(sender.inFlight, 0);
  });

  it('says when there is room again after a write, not only after a reply', async (t) => {
    const { sender, changes } = await setUp(t, { reply: () => undefined });
    void send(sender, createJobs(1));
    await untilRoom({ sender, changes });
    assert.ok(sender.slots > 0);
  });

  it('takes the connection with the fewest commands in flight', async (t) => {
    const { broker, sender } = await setUp(t, { reply: () => undefined }, { size: 3 });
    for (let i = 0; i < 3; i++) void send(sender, createJobs(1));
    await broker.until(() => broker.lines.length === 3);
    assert.deepEqual(
      broker.peers.map(({ lines }) => lines.length),
      [2, 2, 2],
    );
  });

  const lies: [string, (line: string) => string][] = [
    ['OK, as for a PUSH', () => ok],
    ['nil', () => '$-1\r\n'],
    ['an integer', () => ':1\r\n'],
    ['an array', () => '*0\r\n'],
    ['a map that is cut', () => '$9\r\n{"a":"b\r\n\r\n'],
    ['a job that was not in the frame', () => refusals({ 'a-foreign-jid': 'OOM command not allowed' })],
    ['a length below zero', () => '$-5\r\n'],
    ['a length of 100 GB', () => '$100000000000\r\n'],
    ['the text of another command', () => bulk('OK')],
    ['an OK before the error', () => `+OK\r\n-ERR context deadline exceeded\r\n`],
  ];
  for (const [what, reply] of lies) {
    it(`makes everything on the connection unknown when a reply is ${what}`, async (t) => {
      const held: { line: string; peer: Peer }[] = [];
      const { broker, client, sender, changes } = await setUp(t, { reply: replyLater(held) });
      const outcomes = [send(sender, createJobs(2))];
      await untilRoom({ sender, changes });
      outcomes.push(send(sender, createJobs(1)));
      await broker.until(() => held.length === 2);
      const doubtful = client.live[0];
      held[0]?.peer.write(reply(held[0].line));
      held[0]?.peer.end();
      assert.deepEqual((await Promise.all(outcomes)).flatMap(kindsOf), ['unknown', 'unknown', 'unknown']);
      assert.equal(doubtful?.isLive, false);
    });
  }

  it('notices that the replies of two frames were swapped, by the jid in them', async (t) => {
    const held: { line: string; peer: Peer }[] = [];
    const { broker, sender, changes } = await setUp(t, { reply: replyLater(held) });
    const outcomes = [send(sender, createJobs(2))];
    await untilRoom({ sender, changes });
    outcomes.push(send(sender, createJobs(2)));
    await broker.until(() => held.length === 2);
    const reply = (index: number) =>
      refusals({ [jidsOf(held[index]?.line ?? '')[0] ?? '']: 'OOM command not allowed' });
    broker.peers[0]?.write(reply(1) + reply(0));
    assert.deepEqual((await Promise.all(outcomes)).flatMap(kindsOf), ['unknown', 'unknown', 'unknown', 'unknown']);
  });

  it('keeps the connection of a clear refusal', async (t) => {
    const { client, sender } = await setUp(t, { reply: () => '-ERR shutdown in progress\r\n' });
    const [connection] = client.live;
    assert.deepEqual(kindsOf(await send(sender, createJobs(2))), ['refused', 'refused']);
    assert.ok(connection?.isLive);
  });

  it('believes a refusal of Redis only when it was quick, by its own clock', async (t) => {
    let nowMs = 0;
    const held: { line: string; peer: Peer }[] = [];
    const { broker, sender } = await setUp(
      t,
      { reply: replyLater(held) },
      { clock: { ...systemClock, now: () => nowMs }, readTimeoutMs: 60_000 },
    );
    for (const [ageMs, kind] of [
      [2500, 'refused'],
      [2600, 'unknown'],
    ] as const) {
      const outcomes = send(sender, createJobs(1));
      await broker.until(() => held.length === 1);
      nowMs += ageMs;
      held.pop()?.peer.write('-OOM command not allowed\r\n');
      assert.deepEqual(kindsOf(await outcomes), [kind], `${ageMs} ms`);
    }
  });

  it('answers refused for every frame that met the connection limit of the broker', async (t) => {
    const { broker, sender } = await setUp(t, { reply: () => undefined });
    const outcomes = send(sender, createJobs(2));
    await broker.until(() => broker.lines.length === 1);
    broker.peers[0]?.write('-ERR too many connections: 2001\r\n');
    broker.peers[0]?.end();
    for (const outcome of await outcomes) {
      assert.ok(outcome.kind === 'refused' && outcome.code === 'broker_unavailable');
      assert.match(outcome.detail, /too many connections/);
    }
  });

  it('wants more frames in flight on a longer path, and offers their slots', async (t) => {
    const broker = await startScriptedBroker();
    t.after(() => broker.close());
    const proxy = await startDelayProxy(broker.port, 40);
    t.after(() => proxy.close());
    const near = createProducer(t, broker.port, { size: 2 });
    const far = createProducer(t, proxy.port, { size: 2 });
    await Promise.all([near.client.warm, far.client.warm]);
    assert.ok(far.sender.capacity.inFlightTarget >= 36, `${far.sender.capacity.inFlightTarget}`);
    assert.ok(far.sender.capacity.inFlightTarget <= 64, 'at most 32 a connection');
    assert.ok(near.sender.capacity.inFlightTarget < far.sender.capacity.inFlightTarget);
    assert.deepEqual(
      [near.sender.capacity.lanes, far.sender.capacity.lanes],
      [2, 1],
      'spreading a batch saves nothing there',
    );
    const onChange = (): void => undefined;
    const synced = createFrameSender({ client: far.client, clock: systemClock, onChange, syncs: true });
    synced.onClientChange();
    assert.equal(synced.capacity.lanes, 2, 'but where each job waits for a sync');
  });

  it('pings with a command that reaches the store, and tells when that fails', async (t) => {
    let info = bulk('{}');
    const { broker, sender } = await setUp(t, { reply: () => info });
    await sender.ping();
    assert.deepEqual(broker.lines, ['INFO']);
    info = '-ERR MISCONF Redis is configured to save RDB snapshots\r\n';
    await assert.rejects(sender.ping(), /MISCONF/);
    await broker.kill();
    await assert.rejects(sender.ping());
  });

  it('counts every connection as a lane, until the broker says that it is the embedded one', async (t) => {
    const faktory = await setUp(t, {}, { size: 3 });
    const embedded = createProducer(t, (await startBroker(t)).port, { size: 3 });
    await embedded.client.warm;
    for (const { client, sender } of [faktory, embedded]) assert.equal(sender.capacity.lanes, client.live.length);
    await Promise.all([faktory.sender.ping(), embedded.sender.ping()]);
    assert.ok(faktory.sender.capacity.lanes > 1);
    assert.equal(faktory.sender.capacity.lanes, faktory.client.live.length);
    assert.equal(embedded.sender.capacity.lanes, 1);
  });

  it('takes the word of the operator for syncs, but for the embedded broker', async (t) => {
    const { client } = createProducer(t, (await startBroker(t)).port, { size: 3 });
    await client.warm;
    const sender = createFrameSender({ client, clock: systemClock, onChange: () => undefined, syncs: true });
    assert.equal(sender.capacity.syncsEachJob, true);
    assert.equal(sender.capacity.inFlightTarget >= 3, true);
    await sender.ping();
    assert.equal(sender.capacity.syncsEachJob, false);
  });

  it('counts every frame once, by how it ended', async (t) => {
    const full = "OOM command not allowed when used memory > 'maxmemory'.";
    const refuse = (jobs: readonly Job[], text: string): string =>
      refusals(Object.fromEntries(jobs.map(({ jid }) => [jid, text])));
    const [three, two, all, last, one] = [3, 2, 4, 5, 1].map(createJobs) as [Job[], Job[], Job[], Job[], Job[]];
    const replies = [refusals(), '-ERR shutdown in progress\r\n', refuse(all, full), refuse(last.slice(4), full)];
    assert.deepEqual(await framesOf(t, [...replies, ':1\r\n'], [three, two, all, last, one]), [
      '3 ok',
      '2 refused',
      '4 refused',
      '5 refused',
      '1 lost',
    ]);
    assert.deepEqual(await framesOf(t, [refuse(two, 'context deadline exceeded')], [two]), ['2 refused']);
  });
});

/** A broker on a path of 0.5 ms that needs 0.4 ms for each job, one after the other on each of four connections. */
function createSlowBroker(onChange: (clock: FakeClock) => void) {
  const clock = createFakeClock();
  const [handshakeMs, jobMs] = [0.5, 0.4];
  const live = [1, 2, 3, 4].map(() => {
    let freeAtMs = 0;
    const connection = {
      handshakeMs,
      inFlight: 0,
      isLive: true,
      isWriting: false,
      exchange(line: string, handler: ReplyHandler) {
        connection.inFlight++;
        freeAtMs = Math.max(freeAtMs, clock.now()) + jidsOf(line).length * jobMs;
        clock.after(freeAtMs - clock.now() + handshakeMs, () => {
          connection.inFlight--;
          handler.onReply({ type: 'bulk', text: '{}' });
        });
      },
    };
    return connection;
  });
  const client = { live, downReason: undefined } as unknown as FaktoryClient;
  const sender = createFrameSender({ client, clock, onChange: () => onChange(clock), syncs: true });
  return { clock, sender };
}

describe('the frame sender under a load that never rests', () => {
  it('goes on knowing the path, instead of taking its own queue for it', () => {
    const { clock, sender } = createSlowBroker((own) => own.soon(fill));
    const fill = (): void => {
      while (sender.slots > 0) sender.send(createJobs(5), () => undefined);
    };
    sender.onClientChange();
    fill();
    for (let second = 0; second < 60; second += 5) {
      clock.advance(5000);
      assert.equal(sender.capacity.inFlightTarget, 4, `after ${second + 5} s`);
      assert.equal(sender.inFlight, 8, 'two on each connection');
    }
  });
});
