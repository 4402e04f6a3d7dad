// The broker, or the network to it, fails in several ways. Every job gets an outcome, and the outcome is true.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/domain/clock.ts';
import type { Job } from '../../src/domain/job.ts';
import { createArithmeticJob } from '../helpers/jobs.ts';
import type { Outcome } from '../../src/domain/producer.ts';
import { assertTrueOutcomes } from '../helpers/outcomes.ts';
import { startFaultProxy, type Fault, type Faults } from '../helpers/fault-proxy.ts';
import {
  createJobs,
  createProducer,
  inAMinute,
  type ProducerOptions,
  type ProducerParts,
} from '../helpers/producer.ts';
import {
  bulk,
  jidsOf,
  refusals,
  startScriptedBroker,
  type Peer,
  type Script,
  type ScriptedBroker,
} from '../helpers/scripted-broker.ts';
import { createStallingClock } from '../helpers/fake-clock.ts';
import { showed } from './matrix.ts';

/** For brokers of which some hang and others must not be given up: all are in this process, which a busy machine holds up. */
const readTimeoutMs = 1000;

type Parts = ProducerParts & { broker: ScriptedBroker };

async function setUp(
  t: TestContext,
  script: Script | ((connection: number) => Script) = {},
  options: ProducerOptions = {},
): Promise<Parts> {
  const broker = await startScriptedBroker({ script });
  t.after(() => broker.close());
  return { broker, ...createProducer(t, broker.port, options) };
}

const kindsOf = (outcomes: readonly Outcome[]): string[] => outcomes.map(({ kind }) => kind);

/** As `700 enqueued, 9 unknown`. */
const counted = (outcomes: readonly Outcome[]): string =>
  (['enqueued', 'refused', 'unknown'] as const)
    .map((kind) => [outcomes.filter((outcome) => outcome.kind === kind).length, kind] as const)
    .filter(([count]) => count > 0)
    .map(([count, kind]) => `${count} ${kind}`)
    .join(', ');

const until = ({ changes }: ProducerParts, holds: () => boolean): Promise<void> => changes.until(holds);

/** Pushes one job after the other, without a rest, until it is told to stop. */
function startTraffic({ producer }: ProducerParts, callers: number) {
  const jobs: Job[] = [];
  const outcomes: Outcome[] = [];
  let isOn = true;
  const caller = async (): Promise<void> => {
    while (isOn) {
      const job = createArithmeticJob('multiply', { a: jobs.length, b: 2 });
      const outcome = await producer.push(job, inAMinute());
      jobs.push(job);
      outcomes.push(outcome);
      // A refusal comes at once: the event loop must have its turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const done = Promise.all(Array.from({ length: callers }, caller));
  return {
    outcomes,
    async stop() {
      isOn = false;
      await done;
      return { jobs, outcomes };
    },
  };
}

describe('a broker that is killed and comes back', () => {
  it('twice, under traffic: nobody is told a lie, and it goes on by itself', async (t) => {
    const parts = await setUp(t, {}, { size: 3 });
    const { broker, client } = parts;
    await client.warm;
    const traffic = startTraffic(parts, 20);
    for (let round = 1; round <= 2; round++) {
      const seenBefore = broker.seen.size;
      await broker.until(() => broker.seen.size > seenBefore + 200);
      await broker.kill();
      await until(parts, () => client.downReason !== undefined);
      await broker.restart();
      await until(parts, () => client.live.length === 3);
    }
    const seenBefore = broker.seen.size;
    await broker.until(() => broker.seen.size > seenBefore + 200);
    const { jobs, outcomes } = await traffic.stop();
    assertTrueOutcomes(jobs, outcomes, broker.seen);
    assert.ok(outcomes.some(({ kind }) => kind === 'enqueued'));
    assert.ok(outcomes.some(({ kind }) => kind === 'refused'));
    const unacknowledged = broker.seen.size - outcomes.filter(({ kind }) => kind === 'enqueued').length;
    assert.ok(unacknowledged <= outcomes.filter(({ kind }) => kind === 'unknown').length);
    showed('broker-killed', `2 kills: ${counted(outcomes)}; the broker saw ${broker.seen.size}; 0 false outcomes`);
  });

  it('is waited for by the first jobs, and refuses the others at once when it is away', async (t) => {
    const parts = await setUp(t, {}, { size: 2 });
    const { broker, client, producer } = parts;
    await client.warm;
    await broker.kill();
    const [first] = await producer.pushBulk(createJobs(1), inAMinute());
    assert.equal(first?.kind, 'refused');
    await until(parts, () => client.downReason !== undefined);
    for (let i = 0; i < 100; i++) {
      let outcome: Outcome | undefined;
      void producer.push(createArithmeticJob('add', { a: i, b: 1 }), inAMinute()).then((own) => (outcome = own));
      await Promise.resolve();
      await Promise.resolve();
      assert.ok(outcome?.kind === 'refused' && outcome.code === 'broker_unavailable', 'it waited');
      assert.match(outcome.detail, /ECONN(REFUSED|RESET)/);
    }
    showed('broker-away', '100 of 100 jobs refused in the turn in which they came');
  });

  it('was never there: jobs are refused after the first attempt, and enqueued once it is', async (t) => {
    const broker = await startScriptedBroker();
    t.after(() => broker.close());
    await broker.kill();
    const parts = createProducer(t, broker.port, { size: 2 });
    const outcome = await parts.producer.push(createArithmeticJob('add', { a: 1, b: 1 }), inAMinute());
    assert.equal(outcome.kind, 'refused');
    await broker.restart();
    await parts.client.warm;
    const outcomes = await parts.producer.pushBulk(createJobs(5), inAMinute());
    assert.deepEqual(new Set(kindsOf(outcomes)), new Set(['enqueued']));
    showed('broker-absent', `1 job refused, then ${counted(outcomes)}`);
  });

  it('hangs up after every frame: the next connection takes over', async (t) => {
    const parts = await setUp(t, {
      reply: (line, peer) => {
        if (line.startsWith('PUSHB')) {
          peer.write(refusals());
          peer.end();
        }
        return undefined;
      },
    });
    for (let i = 0; i < 3; i++) {
      await until(parts, () => parts.sender.slots > 0);
      const outcomes = await parts.producer.pushBulk(createJobs(3), inAMinute());
      assert.deepEqual(kindsOf(outcomes), ['enqueued', 'enqueued', 'enqueued']);
      await parts.client.live[0]?.closed;
    }
    showed('broker-hangs-up', '3 frames over 3 connections, all enqueued');
  });
});

describe('a broker that hangs', () => {
  it('makes its jobs unknown at the read timeout, and is left', async (t) => {
    const { broker, client, producer } = await setUp(t, { reply: () => undefined }, { readTimeoutMs: 100 });
    await client.warm;
    const jobs = createJobs(3);
    const startMs = systemClock.now();
    const outcomes = await producer.pushBulk(jobs, inAMinute());
    assert.deepEqual(kindsOf(outcomes), ['unknown', 'unknown', 'unknown']);
    assert.ok(systemClock.now() - startMs >= 99);
    assertTrueOutcomes(jobs, outcomes, broker.seen);
    await broker.until(() => broker.peers.length > 1);
    const tookMs = Math.round(systemClock.now() - startMs);
    showed('broker-hangs', `${counted(outcomes)}, and a new connection after ${tookMs} ms (timeout 100 ms)`);
  });

  it('never greets: jobs are refused when the connect timeout has told so', async (t) => {
    const { broker, producer } = await setUp(t, { greeting: null }, { connectTimeoutMs: 100 });
    const outcomes = await producer.pushBulk(createJobs(2), inAMinute());
    assert.deepEqual(kindsOf(outcomes), ['refused', 'refused']);
    assert.deepEqual(broker.lines, []);
    showed('broker-hangs', `without a greeting ${counted(outcomes)}`);
  });

  it('on two of four connections does not keep jobs from the other two', async (t) => {
    const parts = await setUp(t, (index) => (index < 2 ? { reply: () => undefined } : {}), {
      size: 4,
      readTimeoutMs: 60_000,
    });
    const { broker, client, producer } = parts;
    await client.warm;
    // A frame goes to the connection with the fewest, of equals to the first: one to each that hangs.
    const hanging: Promise<Outcome>[] = [];
    for (const hung of broker.peers.slice(0, 2)) {
      hanging.push(producer.push(createArithmeticJob('add', { a: 0, b: 0 }), inAMinute()));
      await broker.until(() => hung.lines.length === 2);
    }
    for (let i = 0; i < 10; i++) {
      const outcome = await producer.push(createArithmeticJob('add', { a: i, b: 1 }), inAMinute());
      assert.equal(outcome.kind, 'enqueued', `job ${i}`);
    }
    assert.equal(parts.sender.inFlight, 2);
    showed('broker-half-hangs', '10 of 10 jobs enqueued beside 2 connections that hang');
    await client.close();
    await Promise.all(hanging);
  });

  it('on two of four connections, and on those that take their place, costs only what was on the first two', async (t) => {
    const parts = await setUp(t, (index) => (index < 2 || index > 3 ? { reply: () => undefined } : {}), {
      size: 4,
      readTimeoutMs,
    });
    const { broker, client, producer } = parts;
    await client.warm;
    const traffic = startTraffic(parts, 4);
    // Each of the two, and each in its place, is given up several times.
    await broker.until(() => broker.peers.length > 9);
    const { jobs, outcomes } = await traffic.stop();
    assertTrueOutcomes(jobs, outcomes, broker.seen);
    const onTheFirstTwo = broker.peers.slice(0, 2).flatMap(({ lines }) => lines.flatMap(jidsOf)).length;
    assert.ok(onTheFirstTwo > 0);
    assert.equal(outcomes.filter(({ kind }) => kind === 'unknown').length, onTheFirstTwo);
    assert.equal(outcomes.filter(({ kind }) => kind === 'refused').length, 0);
    for (const { lines } of broker.peers.slice(4)) assert.doesNotMatch(lines.join(' '), /PUSHB/);
    assert.equal((await producer.push(createJobs(1)[0] as Job, inAMinute())).kind, 'enqueued');
    const replaced = broker.peers.length - 4;
    showed('broker-half-hangs', `${counted(outcomes)} while ${replaced} connections hung in their place`);
  });

  it('is away while no connection answers, within 50 ms, and there again with the first that does', async (t) => {
    let isHung = false;
    const held: Peer[] = [];
    const reply = (line: string, peer: Peer): string | undefined => {
      if (!isHung) return line === 'INFO' ? bulk('{}') : refusals();
      held.push(peer);
      return undefined;
    };
    const broker = await startScriptedBroker({ script: { reply } });
    t.after(() => broker.close());
    const downs: string[] = [];
    const clock = createStallingClock();
    const parts = createProducer(t, broker.port, {
      ...{ clock, size: 4, readTimeoutMs: 300, acquireTimeoutMs: 60_000 },
      onDown: (reason) => downs.push(reason === undefined ? 'there again' : reason.message),
    });
    const { client, producer, sender } = parts;
    const push = (): Promise<Outcome> => producer.push(createJobs(1)[0] as Job, 60_000);
    await client.warm;
    isHung = true;
    const first = push();
    await broker.until(() => held.length === 1);
    clock.advance(300);
    assert.equal((await first).kind, 'unknown');
    const second = push();
    await broker.until(() => held.length === 4);
    assert.deepEqual(downs, [], 'the other connections are asked first');
    clock.advance(50);
    const outcome = await second;
    assert.ok(outcome.kind === 'refused' && outcome.code === 'broker_unavailable', outcome.kind);
    assert.match(outcome.detail, /does not answer in time/);
    assert.deepEqual([client.states.doubted, sender.slots, broker.seen.size], [3, 0, 1]);
    // The probes, which are all that the others hold, are answered.
    isHung = false;
    for (const peer of held.slice(1)) peer.write(bulk('{}'));
    await until(parts, () => sender.downReason === undefined);
    assert.equal((await push()).kind, 'enqueued');
    assert.deepEqual(downs, ['it does not answer in time', 'there again']);
    showed('broker-hangs', 'all of four connections: refused within 50 ms, one line each way');
  });

  it('and greets no new connection either: its return is seen by the next attempt, 700 ms after the last', async (t) => {
    let hangs = false;
    const reply = (line: string): string | undefined => {
      if (hangs) return undefined;
      return line === 'INFO' ? bulk('{}') : refusals();
    };
    const clock = createStallingClock();
    const times = { readTimeoutMs: 100, connectTimeoutMs: 5000 };
    const parts = await setUp(t, () => (hangs ? { greeting: null } : { reply }), { clock, size: 2, ...times });
    const { broker, client, producer, sender } = parts;
    const push = (): Promise<Outcome> => producer.push(createJobs(1)[0] as Job, 60_000);
    await client.warm;
    // A connection that is lost within a second of its opening has its place taken only after a pause.
    clock.advance(1000);
    hangs = true;
    const first = push();
    await broker.until(() => broker.seen.size === 1);
    clock.advance(times.readTimeoutMs);
    assert.equal((await first).kind, 'unknown');
    await broker.until(() => broker.lines.includes('INFO') && broker.peers.length === 3);
    clock.advance(times.readTimeoutMs);
    await broker.until(() => broker.openCount === 1);
    assert.equal((await push()).kind, 'refused');
    hangs = false;
    clock.advance(700 - times.readTimeoutMs);
    await until(parts, () => sender.slots > 0);
    assert.equal((await push()).kind, 'enqueued');
    showed('broker-hangs-unseen', 'enqueued by an attempt that began 700 ms after one that nothing answered');
  });

  it('answers with a deadline of its own: nothing more is written before it has answered INFO', async (t) => {
    const deadline = '-ERR context deadline exceeded\r\n';
    // After some 20 s the Redis takes no more connections either.
    const noDial = '-ERR dial unix /redis.sock: connect: resource temporarily unavailable\r\n';
    const infos = [deadline, noDial, bulk('{}')];
    const parts = await setUp(t, { reply: (line) => (line === 'INFO' ? infos.shift() : deadline) }, { size: 1 });
    const { broker, client, producer } = parts;
    await client.warm;
    assert.deepEqual(kindsOf(await producer.pushBulk(createJobs(1), inAMinute())), ['unknown']);
    const refused = await producer.pushBulk(createJobs(1), inAMinute());
    assert.deepEqual(kindsOf(refused), ['refused']);
    await until(parts, () => parts.sender.slots > 0);
    assert.deepEqual(broker.lines.slice(1), ['INFO', 'INFO', 'INFO'], 'INFO met the deadline, too');
    assert.equal(broker.seen.size, 1);
    showed('broker-hangs', `its own deadline: 1 unknown, ${counted(refused)}, 0 written before INFO is answered`);
  });

  it('stops reading: what the kernel did not take is refused at the write timeout', async (t) => {
    const { broker, client, sender } = await setUp(t, { deaf: true }, { writeTimeoutMs: 100 });
    await client.warm;
    const [job] = createJobs(1) as [Job];
    const jobs = [{ ...job, encoded: job.encoded + ' '.repeat(20_000_000) }];
    const outcomes = await new Promise<readonly Outcome[]>((resolve) => sender.send(jobs, resolve));
    assert.deepEqual(kindsOf(outcomes), ['refused']);
    assertTrueOutcomes(jobs, outcomes, broker.seen);
    showed('broker-deaf', 'a frame of 20 MB refused, not seen');
  });
});

describe('a broker that refuses', () => {
  it('one job of many callers: that caller alone is told', async (t) => {
    const jobs = createJobs(50);
    const bad = jobs[17]?.jid ?? '';
    const { client, producer } = await setUp(t, {
      reply: (line) => refusals(line.includes(bad) ? { [bad]: 'jobs must have an args parameter' } : {}),
    });
    await client.warm;
    const outcomes = await Promise.all(jobs.map((job) => producer.push(job, inAMinute())));
    assert.deepEqual(
      kindsOf(outcomes),
      jobs.map(({ jid }) => (jid === bad ? 'refused' : 'enqueued')),
    );
    showed('broker-refuses-one', `50 callers: ${counted(outcomes)}`);
  });

  it('all connections over its limit: every job is refused, and none was read', async (t) => {
    const { broker, producer } = await setUp(t, { hello: '+OK\r\n-ERR too many connections: 2001\r\n' });
    const outcomes = await producer.pushBulk(createJobs(3), inAMinute());
    for (const outcome of outcomes) assert.ok(outcome.kind === 'refused' && outcome.code === 'broker_unavailable');
    assert.equal(broker.seen.size, 0);
    showed('broker-refuses-all', `connection limit: ${counted(outcomes)}, 0 read`);
  });

  it('while it shuts down: jobs are refused, and not as bad ones', async (t) => {
    const { client, producer } = await setUp(t, {
      reply: (_line, peer) => {
        peer.write('-ERR shutdown in progress\r\n');
        peer.end();
        return undefined;
      },
    });
    await client.warm;
    const outcomes = await producer.pushBulk(createJobs(3), inAMinute());
    for (const outcome of outcomes) assert.ok(outcome.kind === 'refused' && outcome.code === 'broker_unavailable');
    showed('broker-refuses-all', `shutdown: ${counted(outcomes)}`);
  });
});

describe('a broker that hangs up midway', () => {
  let endings = 0;
  after(() =>
    showed('broker-hangs-up', `${endings} ways to end within a reply, ${endings * 2} of ${endings * 2} jobs unknown`),
  );
  for (const way of ['end', 'reset'] as const) {
    for (const said of ['', '$', '$2\r\n', '$2\r\n{}', '$2\r\n{}\r']) {
      it(`in its reply: ${way} after ${JSON.stringify(said)}`, async (t) => {
        const { broker, client, producer } = await setUp(t, {
          reply: (_line, peer) => {
            peer.write(said);
            peer[way]();
            return undefined;
          },
        });
        await client.warm;
        const jobs = createJobs(2);
        const outcomes = await producer.pushBulk(jobs, inAMinute());
        assert.deepEqual(kindsOf(outcomes), ['unknown', 'unknown']);
        assertTrueOutcomes(jobs, outcomes, broker.seen);
        endings++;
      });
    }
  }
});

describe('a bad path to the broker', () => {
  const harmless: [string, Faults][] = [
    ['one byte at a time', { toBroker: { splitBytes: 1 }, toClient: { splitBytes: 1 } }],
    ['everything in lumps', { toBroker: { mergeMs: 5 }, toClient: { mergeMs: 5 } }],
    ['jitter', { toBroker: { jitterMs: 20 }, toClient: { jitterMs: 20 } }],
    ['little bandwidth', { toBroker: { bytesPerSecond: 100_000 }, toClient: { bytesPerSecond: 100_000 } }],
  ];
  for (const [what, faults] of harmless) {
    it(`with ${what} changes no response`, async (t) => {
      const jobs = createJobs(60);
      const bad = new Set(jobs.filter((_, index) => index % 7 === 0).map(({ jid }) => jid));
      const broker = await startScriptedBroker({
        script: {
          reply: (line) => {
            const own = [...bad].filter((jid) => line.includes(jid));
            return refusals(Object.fromEntries(own.map((jid) => [jid, 'jobs must have an args parameter'])));
          },
        },
      });
      t.after(() => broker.close());
      const proxy = await startFaultProxy(broker.port, { faults });
      t.after(() => proxy.close());
      const { producer } = createProducer(t, proxy.port, { size: 2, frameJobsMax: 10 });
      const outcomes = await producer.pushBulk(jobs, inAMinute());
      assert.deepEqual(
        kindsOf(outcomes),
        jobs.map(({ jid }) => (bad.has(jid) ? 'refused' : 'enqueued')),
      );
      showed('path-bad', `${what}: ${counted(outcomes)}, as the broker said`);
    });
  }

  for (const direction of ['toBroker', 'toClient'] as const) {
    it(`that swallows everything ${direction === 'toBroker' ? 'sent' : 'answered'} makes jobs unknown, then heals`, async (t) => {
      const broker = await startScriptedBroker();
      t.after(() => broker.close());
      const faults = { toBroker: {}, toClient: {} } as Required<Faults>;
      const proxy = await startFaultProxy(broker.port, { faults });
      t.after(() => proxy.close());
      const parts = createProducer(t, proxy.port, { readTimeoutMs });
      await parts.client.warm;
      faults[direction].blackHole = true;
      const jobs = createJobs(3);
      const outcomes = await parts.producer.pushBulk(jobs, inAMinute());
      assert.deepEqual(kindsOf(outcomes), ['unknown', 'unknown', 'unknown']);
      const seen = broker.seen.size;
      assert.equal(seen, direction === 'toBroker' ? 0 : 3);
      faults[direction].blackHole = false;
      await until(parts, () => parts.sender.slots > 0);
      assert.deepEqual(kindsOf(await parts.producer.pushBulk(createJobs(1), inAMinute())), ['enqueued']);
      showed('path-black-hole', `${direction}: ${counted(outcomes)}, ${seen} seen; then enqueued`);
    });
  }

  it('that swallows what is on all pooled connections is left for a new connection with the first unknown', async (t) => {
    const broker = await startScriptedBroker({
      script: { reply: (line) => (line === 'INFO' ? bulk('{}') : refusals()) },
    });
    t.after(() => broker.close());
    const faults: Faults = { toClient: {} };
    const proxy = await startFaultProxy(broker.port, { faults: (index) => (index < 10 ? faults : {}) });
    t.after(() => proxy.close());
    const clock = createStallingClock();
    const parts = createProducer(t, proxy.port, { clock, size: 10, readTimeoutMs: 500 });
    const push = (): Promise<Outcome> => parts.producer.push(createJobs(1)[0] as Job, 60_000);
    await parts.client.warm;
    // A connection that is lost within a second of its opening has its place taken only after a pause.
    clock.advance(1000);
    (faults.toClient as Fault).blackHole = true;
    const first = push();
    await broker.until(() => broker.seen.size === 1);
    clock.advance(500);
    assert.equal((await first).kind, 'unknown');
    // The clock stands still from here on: the read timeout of none of the others is waited for.
    await until(parts, () => parts.sender.slots > 0);
    assert.equal((await push()).kind, 'enqueued');
    assert.equal(parts.client.states.doubted, 9);
    showed('path-black-hole', 'all of 10 connections: 1 unknown, enqueued before the read timeout of another');
  });

  it('with garbage in a reply makes jobs unknown', async (t) => {
    const broker = await startScriptedBroker();
    t.after(() => broker.close());
    const faults = { toClient: {} } as Required<Faults>;
    const proxy = await startFaultProxy(broker.port, { faults });
    t.after(() => proxy.close());
    const { client, producer } = createProducer(t, proxy.port);
    await client.warm;
    faults.toClient.cut = { afterBytes: 3, by: 'garbage' };
    const outcomes = await producer.pushBulk(createJobs(2), inAMinute());
    assert.deepEqual(kindsOf(outcomes), ['unknown', 'unknown']);
    await broker.until(() => broker.peers.length > 1);
    showed('path-garbage', `${counted(outcomes)}, and a new connection`);
  });

  it('that breaks again and again under traffic: every outcome is true, and it always comes back', async (t) => {
    const broker = await startScriptedBroker();
    t.after(() => broker.close());
    const proxy = await startFaultProxy(broker.port, {
      faults: { toBroker: { jitterMs: 3 }, toClient: { jitterMs: 3 } },
      seed: 7,
    });
    t.after(() => proxy.close());
    const parts = createProducer(t, proxy.port, { size: 3 });
    await parts.client.warm;
    const traffic = startTraffic(parts, 10);
    for (let round = 0; round < 6; round++) {
      const seenBefore = broker.seen.size;
      await broker.until(() => broker.seen.size > seenBefore + 30);
      proxy.cutAll(round % 2 === 0 ? 'rst' : 'fin');
      await until(parts, () => parts.client.live.length > 0);
    }
    const { jobs, outcomes } = await traffic.stop();
    assertTrueOutcomes(jobs, outcomes, broker.seen);
    assert.ok(outcomes.filter(({ kind }) => kind === 'enqueued').length > 100);
    showed('path-flaps', `6 cuts: ${counted(outcomes)}; the broker saw ${broker.seen.size}; 0 false outcomes`);
  });
});

describe('closing during an outage', () => {
  it('answers what is in flight when the broker hangs, by its deadline, and leaves no socket', async (t) => {
    const { broker, client, producer } = await setUp(t, { reply: () => undefined });
    await client.warm;
    const outcomes = producer.pushBulk(createJobs(2), systemClock.now() + 1000);
    await broker.until(() => broker.seen.size === 2);
    const peer = broker.peers[0];
    assert.ok(peer);
    const gone = once(peer.socket, 'close');
    await producer.close();
    assert.deepEqual(kindsOf(await outcomes), ['unknown', 'unknown']);
    await gone;
    showed('close-while-hung', `${counted(await outcomes)}, 0 sockets left`);
  });
});
