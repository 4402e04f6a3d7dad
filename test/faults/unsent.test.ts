// What is called unsent was not sent: connections destroyed at any moment of a write that the kernel takes in pieces, while
// the other end reads in a process of its own; and frames of which a stalled path took a part.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/domain/clock.ts';
import type { Job } from '../../src/domain/job.ts';
import { createArithmeticJob } from '../helpers/jobs.ts';
import type { Outcome } from '../../src/domain/producer.ts';
import { Connection } from '../../src/faktory/connection.ts';
import type { Loss } from '../../src/faktory/connection-options.ts';
import { assertTrueOutcomes } from '../helpers/outcomes.ts';
import { createRandom, startFaultProxy, type CutKind } from '../helpers/fault-proxy.ts';
import { createProducer } from '../helpers/producer.ts';
import { startScriptedBroker } from '../helpers/scripted-broker.ts';
import { showed } from './matrix.ts';
import type { ReaderPace } from './reader.ts';
import { forkChild } from '../helpers/children.ts';
import { nodeArgs, programOf } from '../helpers/paths.ts';

const trials = process.env['FAULTS'] === '1' ? 1000 : 90;

interface Reader {
  port: number;
  /** Of the connection that ends next: its complete lines after HELLO. */
  ended: () => Promise<{ lines: number; bytes: number }>;
}

async function startReader(t: TestContext, pace: ReaderPace): Promise<Reader> {
  const child = forkChild(programOf('test/faults/reader.ts'), [pace], { execArgv: [...nodeArgs] });
  t.after(() => child.disconnect());
  const next = async <T>(): Promise<T> => ((await once(child, 'message')) as [T])[0];
  const { port } = await next<{ port: number }>();
  return { port, ended: next };
}

async function openConnection(port: number): Promise<Connection> {
  const connection = new Connection({
    connect: () => connect({ port, host: '127.0.0.1', noDelay: true }),
    clock: systemClock,
    provesUnsent: true,
    connectTimeoutMs: 5000,
    readTimeoutMs: 60_000,
    writeTimeoutMs: 60_000,
    bulkBytesMax: 1000,
  });
  await connection.open((opened) => opened.sendWithAssert(['HELLO', '{"v":2}'], 'OK'));
  return connection;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The moments at which a write may be interrupted. */
const moments: readonly (() => Promise<unknown>)[] = [
  () => Promise.resolve(),
  () => new Promise<void>((resolve) => process.nextTick(resolve)),
  nextTurn,
  async () => {
    await nextTurn();
    await nextTurn();
  },
  () => new Promise((resolve) => setTimeout(resolve, 1)),
  () => new Promise((resolve) => setTimeout(resolve, 4)),
];

describe('a connection destroyed in the middle of a write', () => {
  for (const pace of ['fast', 'jerky', 'late'] as const) {
    it(`never calls a command unsent that arrived whole, when the other end reads: ${pace}`, async (t) => {
      const random = createRandom(20_260);
      const reader = await startReader(t, pace);
      let unsent = 0;
      let arrived = 0;
      let written = 0;
      for (let trial = 0; trial < (pace === 'late' ? trials / 6 : trials); trial++) {
        const connection = await openConnection(reader.port);
        const commands = 1 + Math.floor(random() * 3);
        const losses: Loss[] = [];
        for (let index = 0; index < commands; index++) {
          // Around what the kernel takes at once, and well above.
          const size = Math.floor((random() < 0.3 ? 200_000 : 6_000_000) * random());
          connection.exchange('x'.repeat(size), {
            onReply: () => assert.fail('a reply from a reader that gives none'),
            onLost: (loss) => losses.push(loss),
          });
          if (random() < 0.5) await (moments[Math.floor(random() * moments.length)] as () => Promise<unknown>)();
        }
        const ended = reader.ended();
        connection.destroy(new Error('the trial is over'));
        const { lines } = await ended;
        assert.equal(losses.length, commands);
        const maybe = losses.filter(({ maybeSent }) => maybeSent).length;
        assert.ok(lines <= maybe, `trial ${trial}: ${lines} lines arrived, and only ${maybe} may have`);
        unsent += commands - maybe;
        arrived += lines;
        written += commands;
      }
      assert.ok(unsent > 0, 'the test never met a write that was under way');
      assert.ok(pace === 'late' || arrived > 0, 'the test never met a write that had ended');
      showed(
        'write-interrupted',
        `reader ${pace}: ${written} commands, ${unsent} called not sent, ${arrived} arrived whole, 0 of them both`,
      );
    });
  }
});

/** Three of these are more than the kernel's buffers on both sides of a proxy hold. */
function largeJob(): Job {
  const job = createArithmeticJob('add', { a: 1, b: 2 });
  return { ...job, encoded: job.encoded + ' '.repeat(9_000_000) };
}

describe('a frame of which a stalled path took a part', () => {
  let refused = 0;
  after(() => showed('write-stalled', `${cases.length} ways: ${refused} jobs refused, 0 of them seen`));
  const cases: [CutKind | 'write timeout', number][] = [
    ['write timeout', 1],
    ['write timeout', 4_000_000],
    ['rst', 70_000],
    ['fin', 70_000],
    ['rst', 4_000_000],
    ['fin', 4_000_000],
  ];
  for (const [by, afterBytes] of cases) {
    it(`is refused, and was never seen whole: ${by} after ${afterBytes} bytes`, async (t) => {
      const broker = await startScriptedBroker();
      t.after(() => broker.close());
      const faults = { toBroker: {} as { cut?: { afterBytes: number; by: CutKind } } };
      const proxy = await startFaultProxy(broker.port, { faults });
      t.after(() => proxy.close());
      const { client, sender } = createProducer(t, proxy.port, {
        writeTimeoutMs: by === 'write timeout' ? 150 : 10_000,
      });
      await client.warm;
      faults.toBroker.cut = { afterBytes, by: 'stall' };
      const jobs = [largeJob(), largeJob(), largeJob()];
      const outcomes = new Promise<readonly Outcome[]>((resolve) => sender.send(jobs, resolve));
      if (by === 'rst' || by === 'fin') {
        await broker.until(() => (broker.peers[0]?.received ?? 0) >= afterBytes);
        await nextTurn();
        proxy.cutAll(by);
      }
      assertTrueOutcomes(jobs, await outcomes, broker.seen);
      for (const outcome of await outcomes)
        assert.equal(outcome.kind === 'refused' && outcome.code, 'broker_unavailable');
      await proxy.close();
      await broker.until(() => broker.openCount === 0);
      assert.equal(broker.seen.size, 0);
      refused += jobs.length;
    });
  }
});
