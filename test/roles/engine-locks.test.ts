// Locks of unique jobs where the broker is in this process: stored with their jobs, and freed by whatever ends these.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/domain/clock.ts';
import type { Job } from '../../src/domain/job.ts';
import { lockOf, type Verdict } from '../../src/domain/keys.ts';
import { createEngineKeys } from '../../src/roles/engine-keys.ts';
import { createEngineSender } from '../../src/roles/engine-sender.ts';
import { createFakeClock } from '../broker/fake-clock.ts';
import { connectFwp, makeJob, type FwpClient } from '../broker/fwp-client.ts';
import { brokerFolder, startBroker, type StartedBroker } from '../helpers/broker.ts';

const id = '\x07'.repeat(32);
const name = Buffer.from(id, 'latin1').toString('base64url');
const minuteMs = 60_000;

interface Scene {
  broker: StartedBroker;
  client: FwpClient;
  /** Enqueues a job with the lock, if it can be had. */
  push(fields?: object): Promise<Verdict>;
  /** The job that has the lock. */
  holder(): Promise<string | undefined>;
  last(): string;
}

async function open(t: TestContext, options: Parameters<typeof startBroker>[1] = {}): Promise<Scene> {
  const broker = await startBroker(t, options);
  const { engine, durability } = broker;
  const keys = createEngineKeys({ engine, durability, clock: systemClock, underWayMsMax: 25_000 });
  const sender = createEngineSender({ ...broker, clock: systemClock, onChange: () => undefined });
  let last = '';
  return {
    broker,
    client: await connectFwp(t, { port: broker.port }),
    async push(fields = {}) {
      const made = makeJob({ custom: { unique_key: name }, ...fields });
      const encoded = JSON.stringify(made);
      const job: Job = {
        jid: made.jid,
        operation: 'add',
        encoded,
        encodedBytes: encoded.length,
        queue: 'default',
        isPlain: false,
        record: undefined,
      };
      const claim = lockOf(id, job.jid, minuteMs);
      const [verdict] = (await keys.claim([claim])) as [Verdict];
      if (verdict.state !== 'claimed') return verdict;
      keys.attach(claim, [job], ([outcome]) => (outcome?.kind === 'enqueued' ? claim.response : undefined));
      await new Promise((resolve) => sender.send([job], resolve));
      last = job.jid;
      return verdict;
    },
    holder: () => engine.state().locks.find(id),
    last: () => last,
  };
}

async function fetchOne(client: FwpClient): Promise<string> {
  const { jid } = await client.askJson('FETCH default');
  return jid as string;
}

const failure = (jid: string): string => `FAIL ${JSON.stringify({ jid, errtype: 'E', message: 'm', backtrace: [] })}`;
const later = { at: '2126-01-01T00:00:00Z' };
const byJid = (cmd: string, target: string, jid: string): string =>
  `MUTATE ${JSON.stringify({ cmd, target, filter: { jids: [jid] } })}`;

const ends: readonly (readonly [string, object, (scene: Scene) => Promise<unknown>])[] = [
  ['acknowledged', {}, async ({ client }) => client.ask(`ACK {"jid":"${await fetchOne(client)}"}`)],
  ['dead', { retry: -1 }, async ({ client }) => client.ask(failure(await fetchOne(client)))],
  ['gone, as its retry is 0', { retry: 0 }, async ({ client }) => client.ask(failure(await fetchOne(client)))],
  [
    'discarded while it is scheduled',
    later,
    async ({ client, last }) => client.ask(byJid('discard', 'scheduled', last())),
  ],
  ['killed while it is scheduled', later, async ({ client, last }) => client.ask(byJid('kill', 'scheduled', last()))],
  [
    'cleared with all that are scheduled',
    later,
    async ({ client }) => client.ask('MUTATE {"cmd":"clear","target":"scheduled"}'),
  ],
  ['discarded in its queue', {}, async ({ client, last }) => client.ask(byJid('discard', 'queues', last()))],
  [
    'discarded between two attempts',
    { retry: 5 },
    async ({ client, last }) => {
      await client.ask(failure(await fetchOne(client)));
      await client.ask(byJid('discard', 'retries', last()));
    },
  ],
  ['flushed with everything', {}, async ({ client }) => client.ask('FLUSH')],
];

describe('the lock of a unique job', () => {
  for (const [what, fields, finish] of ends) {
    it(`is free when the job is ${what}`, async (t) => {
      const scene = await open(t);
      assert.deepEqual(await scene.push(fields), { state: 'claimed' });
      assert.equal(await scene.holder(), scene.last());
      assert.equal((await scene.push(fields)).state, 'done');
      await finish(scene);
      assert.equal(await scene.holder(), undefined);
      assert.deepEqual(await scene.push(fields), { state: 'claimed' });
    });
  }

  it('is held while the job runs, waits for another attempt, or is queued again', async (t) => {
    const { push, client, last } = await open(t);
    await push({ retry: 5 });
    const jid = await fetchOne(client);
    assert.equal((await push()).state, 'done');
    await client.ask(failure(jid));
    assert.equal((await push()).state, 'done');
    await client.ask(byJid('requeue', 'retries', last()));
    assert.equal((await push()).state, 'done');
  });

  it('outlives the broker with its job', async (t) => {
    const dataDir = brokerFolder();
    const first = await open(t, { dataDir });
    await first.push();
    const jid = first.last();
    await first.client.ask('END').catch(() => undefined);
    await first.broker.close();
    const again = await open(t, { dataDir });
    assert.equal(await again.holder(), jid);
    await again.client.ask(`ACK {"jid":"${await fetchOne(again.client)}"}`);
    assert.equal(await again.holder(), undefined);
  });

  it("is free after its time, and the first job ends without the second one's lock", async (t) => {
    const clock = createFakeClock();
    const { push, client, holder, last } = await open(t, { clock });
    await push();
    const first = await fetchOne(client);
    clock.advance(minuteMs);
    assert.deepEqual(await push(), { state: 'claimed' });
    await client.ask(`ACK {"jid":"${first}"}`);
    assert.equal(await holder(), last());
    assert.equal((await push()).state, 'done');
  });

  it('of a queue that was removed is swept after its time', async (t) => {
    const clock = createFakeClock();
    const { push, client, broker } = await open(t, { clock });
    await push();
    await client.ask('QUEUE REMOVE default');
    clock.advance(minuteMs);
    const { locks } = broker.engine.state();
    await locks.sweep();
    assert.deepEqual(await push(), { state: 'claimed' });
  });

  it('costs jobs of others nothing while there is none', async (t) => {
    const { client, broker } = await open(t);
    const job = makeJob({ custom: { unique_key: name } });
    await client.ask(`PUSH ${JSON.stringify(job)}`);
    assert.equal(await client.ask(`ACK {"jid":"${await fetchOne(client)}"}`), '+OK');
    assert.equal(broker.engine.state().locks.isUsed, false);
  });
});
