// Frames and their replies, cut at every byte by RST, FIN and stall, on plain TCP and on TLS. FAULTS=1 takes every offset;
// otherwise a sample with both ends of everything.
import assert from 'node:assert/strict';
import { connect as connectTcp } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { systemClock, type Clock } from '../../src/domain/clock.ts';
import type { Job } from '../../src/domain/job.ts';
import type { Outcome } from '../../src/domain/producer.ts';
import { FaktoryClient } from '../../src/faktory/client.ts';
import { createFrameSender } from '../../src/faktory/frame-sender.ts';
import { createCertificate, type Certificate } from '../helpers/certificate.ts';
import { createChanges } from '../helpers/changes.ts';
import { createExplicitJob } from '../helpers/explicit-jobs.ts';
import { assertTrueOutcomes } from '../helpers/outcomes.ts';
import { startFaultProxy, type CutKind, type Faults } from '../helpers/fault-proxy.ts';
import { createJobs } from '../helpers/producer.ts';
import { jidsOf, refusals, startScriptedBroker, type ScriptedBroker } from '../helpers/scripted-broker.ts';
import { showed } from './matrix.ts';

const isComplete = process.env['FAULTS'] === '1';
const sampleStep = 97;
const kinds: readonly CutKind[] = ['rst', 'fin', 'stall'];
/** What is answered at all is answered long before, by `patientClock`. */
const readTimeoutMs = isComplete ? 250 : 60;
/** Cases at once: each mostly waits. */
const lanes = isComplete ? 24 : 16;
/** Of a TLS 1.3 record around its text: header, type and tag; it holds 16 KiB of text at most (RFC 8446, 5.1). */
const recordBytes = 5 + 1 + 16;
const recordTextBytesMax = 16_384;

function offsetsUpTo(last: number, step = isComplete ? 1 : sampleStep): number[] {
  const all = Array.from({ length: last }, (_, index) => index + 1);
  return all.filter((offset) => offset <= 2 || offset > last - 3 || offset % step === 0);
}

/** Three jobs a frame; what is large takes several writes of the kernel and records of TLS, and too long at every byte. */
const frameKinds = [
  {
    what: '',
    step: undefined,
    create: () => [createExplicitJob({ at: '2126-12-01T08:00:00.000Z' }), ...createJobs(2)],
  },
  {
    what: 'with large arguments ',
    step: isComplete ? 499 : 4999,
    create: () => [
      createExplicitJob({ argsBytes: 48_000 }),
      createExplicitJob({ argsBytes: 8000, isCompressed: true }),
      ...createJobs(1),
    ],
  },
];

/** The broker turns down the last job of every frame, so that a reply says something of each job. */
const reply = (line: string): string => {
  const jids = jidsOf(line);
  return refusals(jids.length > 1 ? { [jids.at(-1) as string]: 'jobs must have an args parameter' } : {});
};

/** Of the event loop: a frame and its reply need some ten, over TLS too. */
const turnsMin = 100;

/**
 * Client, proxy and broker are in this one process. On a busy machine it may get no processor for longer than the read
 * timeout, and that proves nothing of the reply: a timer waits for turns of the event loop as well, in each of which every
 * part can take what has arrived.
 */
const patientClock: Clock = {
  ...systemClock,
  after(delayMs, fn) {
    let isCancelled = false;
    const wait = (turns: number): void => {
      if (isCancelled) return;
      if (turns === 0) fn();
      else setImmediate(wait, turns - 1);
    };
    const timer = systemClock.after(delayMs, () => wait(turnsMin));
    return {
      cancel() {
        isCancelled = true;
        timer.cancel();
      },
    };
  },
};

interface Case {
  direction: 'toBroker' | 'toClient';
  by: CutKind;
  /** After so many bytes of the frames, or of their replies. */
  offset: number;
  frames: readonly (readonly Job[])[];
}

/** Sends the frames on one connection of its own; resolves with the outcomes of each. */
async function run(broker: ScriptedBroker, tls: Certificate | undefined, test: Case): Promise<Outcome[][]> {
  const faults: Required<Faults> = { toBroker: {}, toClient: {} };
  const proxy = await startFaultProxy(broker.port, { faults });
  const changes = createChanges();
  const client: FaktoryClient = new FaktoryClient({
    address: { host: '127.0.0.1', port: proxy.port, tls: tls !== undefined, password: undefined },
    size: 1,
    clock: patientClock,
    random: Math.random,
    connectTimeoutMs: 10_000,
    readTimeoutMs,
    writeTimeoutMs: readTimeoutMs,
    keepAliveDelayMs: 60_000,
    onChange: () => sender.onClientChange(),
    onRoom: changes.fire,
    connect: ({ port }) => {
      const socket = connectTcp({ port, host: '127.0.0.1', noDelay: true });
      return tls === undefined ? socket : connectTls({ socket, ca: tls.cert, host: '127.0.0.1' });
    },
  });
  const sender = createFrameSender({ client, clock: patientClock, onChange: changes.fire });
  try {
    await client.warm;
    const [connection] = client.live;
    faults[test.direction].cut = { afterBytes: test.offset, by: test.by };
    const outcomes: Promise<Outcome[]>[] = [];
    for (const jobs of test.frames) {
      if (outcomes.length > 0) await Promise.race([changes.until(() => sender.slots > 0), connection?.closed]);
      // Lost already, by a cut in an earlier frame.
      if (connection?.isLive !== true || sender.slots === 0) break;
      outcomes.push(new Promise((resolve) => sender.send(jobs, (own) => resolve([...own]))));
    }
    return await Promise.all(outcomes);
  } finally {
    await client.close();
    await proxy.close();
  }
}

async function setUp(t: TestContext, isTls: boolean) {
  const certificate = isTls ? createCertificate(t) : undefined;
  const broker = await startScriptedBroker({ script: { reply }, ...(certificate && { tls: certificate }) });
  t.after(() => broker.close());
  /** Runs every case, and gives its frames and outcomes to `check`. */
  async function runAll(cases: readonly Case[], check: (test: Case, outcomes: Outcome[][]) => void): Promise<void> {
    assert.ok(cases.length > 10, 'no cases');
    const left = [...cases];
    const lane = async (): Promise<void> => {
      for (let test; (test = left.pop());) {
        const outcomes = await run(broker, certificate, test);
        const what = `${test.direction} ${test.by} at ${test.offset}`;
        for (const [index, own] of outcomes.entries()) {
          assertTrueOutcomes(test.frames[index] ?? [], own, broker.seen, `${what}, frame ${index}`);
          // A small write is the kernel's at once: it may be called unsent only where the connection had ended before it.
          const mayHaveEnded = test.direction === 'toClient' && index > 0;
          for (const outcome of mayHaveEnded ? [] : own) {
            assert.ok(
              outcome.kind !== 'refused' || outcome.code === 'broker_refused',
              `${what}: refused, though written`,
            );
          }
        }
        check(test, outcomes);
      }
    };
    // The others end first: a client whose broker was closed would go on trying, and the process with it.
    const ends = await Promise.allSettled(Array.from({ length: lanes }, () => lane().finally(() => (left.length = 0))));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }
  return { broker, runAll };
}

const frameBytes = (jobs: readonly Job[]): number =>
  Buffer.byteLength(`PUSHB [${jobs.map(({ encoded }) => encoded).join(',')}]\r\n`);
const kindsOf = (outcomes: readonly Outcome[]): string => outcomes.map(({ kind }) => kind).join(' ');
const allUnknown = 'unknown unknown unknown';
const asReplied = 'enqueued enqueued refused';

for (const isTls of [false, true]) {
  const perRecord = isTls ? recordBytes : 0;
  /** What was tried, as `1,200 cuts of 400 bytes over TLS: 0 false outcomes`. */
  const told = (cases: readonly Case[], bytes: number): string =>
    `${cases.length} cuts of ${bytes} bytes${isTls ? ' over TLS' : ''}: 0 false outcomes`;
  describe(isTls ? 'a frame over TLS' : 'a frame', () => {
    for (const { what: kind, step, create } of frameKinds) {
      it(`${kind}that is cut anywhere is unknown, and was not seen unless its last byte arrived`, async (t) => {
        const { broker, runAll } = await setUp(t, isTls);
        const bytes = frameBytes(create());
        const length = bytes + perRecord * Math.ceil(bytes / recordTextBytesMax);
        const cases = offsetsUpTo(length, step).flatMap((offset) =>
          kinds.map((by): Case => ({ direction: 'toBroker', by, offset, frames: [create()] })),
        );
        await runAll(cases, ({ offset, by, frames }, [outcomes = []]) => {
          const what = `${by} at ${offset} of ${length}`;
          const isSeen = broker.seen.has(frames[0]?.[0]?.jid ?? '');
          if (offset < length) assert.ok(!isSeen, what);
          if (offset < length || by !== 'stall') assert.equal(kindsOf(outcomes), allUnknown, what);
          // Nothing is lost by a stall behind the last byte.
          else assert.equal(kindsOf(outcomes), asReplied, what);
        });
        showed('frame-cut', told(cases, length));
      });
    }

    it('whose reply is cut anywhere is unknown until the last byte, and as answered with it', async (t) => {
      const { broker, runAll } = await setUp(t, isTls);
      const length =
        reply(
          `PUSHB [${createJobs(3)
            .map(({ encoded }) => encoded)
            .join(',')}]`,
        ).length + perRecord;
      const cases = offsetsUpTo(length).flatMap((offset) =>
        kinds.map((by): Case => ({ direction: 'toClient', by, offset, frames: [createJobs(3)] })),
      );
      await runAll(cases, ({ offset, by, frames }, [outcomes = []]) => {
        assert.ok(broker.seen.has(frames[0]?.[0]?.jid ?? ''));
        assert.equal(kindsOf(outcomes), offset < length ? allUnknown : asReplied, `${by} at ${offset} of ${length}`);
      });
      showed('reply-cut', told(cases, length));
    });

    it('of three on one connection, cut anywhere, tells the truth of each', async (t) => {
      const { broker, runAll } = await setUp(t, isTls);
      const length = frameBytes(createJobs(2)) + perRecord;
      const cases = offsetsUpTo(3 * length).flatMap((offset) =>
        kinds.map((by): Case => ({ direction: 'toBroker', by, offset, frames: [1, 2, 3].map(() => createJobs(2)) })),
      );
      let together = 0;
      await runAll(cases, ({ offset, by, frames }, outcomes) => {
        const what = `${by} at ${offset} of 3 * ${length}`;
        if (outcomes.length === 3) together++;
        for (const [index, jobs] of frames.entries()) {
          const isWhole = (index + 1) * length <= offset;
          if (!isWhole) assert.ok(!broker.seen.has(jobs[0]?.jid ?? ''), what);
          if (!isWhole && outcomes[index]) assert.equal(kindsOf(outcomes[index]), 'unknown unknown', what);
          // Nothing is lost by a stall behind the last byte.
          if (isWhole && by === 'stall') assert.equal(kindsOf(outcomes[index] ?? []), 'enqueued refused', what);
        }
      });
      assert.ok(together > cases.length / 3, `only ${together} times were three frames sent`);
      showed('frames-cut', `${told(cases, 3 * length)}, all three sent in ${together}`);
    });

    it('of three on one connection, whose replies are cut anywhere, is known as far as they came', async (t) => {
      const { runAll } = await setUp(t, isTls);
      const line = `PUSHB [${createJobs(2)
        .map(({ encoded }) => encoded)
        .join(',')}]`;
      const length = reply(line).length + perRecord;
      const cases = offsetsUpTo(3 * length).flatMap((offset) =>
        kinds.map((by): Case => ({ direction: 'toClient', by, offset, frames: [1, 2, 3].map(() => createJobs(2)) })),
      );
      let together = 0;
      await runAll(cases, ({ offset, by }, outcomes) => {
        if (outcomes.length === 3) together++;
        // Several replies may share a record: then only their order says which are known.
        const known = outcomes.filter((own) => kindsOf(own) === 'enqueued refused').length;
        for (const [index, own] of outcomes.entries()) {
          const isWhole = isTls ? index < known : (index + 1) * length <= offset;
          const expected = isWhole ? ['enqueued refused'] : ['unknown unknown', index > 0 && 'refused refused'];
          assert.ok(expected.includes(kindsOf(own)), `${by} at ${offset}, ${index}: ${kindsOf(own)}`);
        }
      });
      assert.ok(together > cases.length / 3, `only ${together} times were three frames sent`);
      showed('frames-cut', `replies: ${told(cases, 3 * length)}, all three sent in ${together}`);
    });
  });
}
