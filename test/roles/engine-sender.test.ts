// An API's frames in the broker's own process: the same groups, outcomes and order as those of connections.
import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { createEngineSender } from '../../src/roles/engine-sender.ts';
import { systemClock } from '../../src/domain/clock.ts';
import type { Job } from '../../src/domain/job.ts';
import { enqueued, type Outcome, type FrameSender } from '../../src/domain/producer.ts';
import type { Store } from '../../src/broker/storage/store.ts';
import { brokerFolder, startBroker } from '../helpers/broker.ts';
import { until } from '../helpers/until.ts';
import { createFakeClock } from '../broker/fake-clock.ts';
import { createFaultyStore } from '../broker/faulty-store.ts';
import { connectFwp, makeJob } from '../broker/fwp-client.ts';

function asJob(fields: Record<string, unknown> = {}): Job {
  const job = makeJob(fields);
  const encoded = JSON.stringify(job);
  const isPlain = fields['queue'] === undefined && fields['at'] === undefined;
  const queue = 'default';
  return {
    jid: job.jid,
    operation: 'add',
    encoded,
    encodedBytes: Buffer.byteLength(encoded),
    queue,
    isPlain,
    record: undefined,
  };
}

async function open(t: TestContext, options: Parameters<typeof startBroker>[1] = {}) {
  const frames: [jobs: number, outcome: string][] = [];
  const broker = await startBroker(t, options);
  const sender = createEngineSender({
    ...broker,
    clock: systemClock,
    onChange: () => undefined,
    onFrame: (jobs, _seconds, outcome) => void frames.push([jobs, outcome]),
  });
  return { broker, sender, frames, client: await connectFwp(t, { port: broker.port }) };
}

const send = (sender: FrameSender, jobs: readonly Job[]): Promise<readonly Outcome[]> =>
  new Promise((resolve) => sender.send(jobs, resolve));

/** A store whose writes wait for `release`. */
function holding() {
  const waiting: (() => void)[] = [];
  return {
    wrapStore: (store: Store): Store => ({
      ...store,
      async write(operations) {
        await new Promise<void>((resolve) => waiting.push(resolve));
        await store.write(operations);
      },
    }),
    release: () => waiting.splice(0).forEach((resolve) => resolve()),
    writes: () => waiting.length,
  };
}

for (const [where, folderOf] of [
  ['in memory', () => undefined],
  ['on disk', brokerFolder],
] as const) {
  it(`${where}: a job is fetched by any client, byte for byte, and survives the broker's end`, async (t) => {
    const dataDir = folderOf();
    const { sender, frames, client, broker } = await open(t, { dataDir });
    const [first, second] = [asJob({ args: [{ a: 1 }] }), asJob()];
    assert.deepEqual(await send(sender, [first, second]), [enqueued, enqueued]);
    assert.deepEqual(frames, [[2, 'ok']]);
    const fetched = await client.askJson('FETCH default');
    assert.deepEqual([fetched['jid'], fetched['args']], [first.jid, [{ a: 1 }]]);
    if (dataDir === undefined) return;
    await client.ask('END').catch(() => undefined);
    await broker.close();
    const again = await startBroker(t, { dataDir });
    assert.deepEqual([again.recovered.queued, again.recovered.working], [1, 1]);
  });
}

it('a job is given to a worker that waits for it', async (t) => {
  const { sender, client } = await open(t);
  const waiting = client.askJson('FETCH default');
  const job = asJob();
  await send(sender, [job]);
  assert.equal((await waiting)['jid'], job.jid);
});

it('a queue and a time of its own are seen, wherever else their names stand', async (t) => {
  const { broker, sender, client } = await open(t);
  const named = asJob({ queue: 'named' });
  const later = asJob({ at: '2100-01-01T00:00:00Z' });
  const inArgs = asJob({ args: [{ queue: 'named', at: '2100-01-01T00:00:00Z' }] });
  for (const job of [named, later, inArgs]) assert.deepEqual(await send(sender, [job]), [enqueued]);
  assert.equal(broker.engine.state().scheduled.record().count, 1);
  assert.equal((await client.askJson('FETCH named'))['jid'], named.jid);
  assert.equal((await client.askJson('FETCH default'))['jid'], inArgs.jid);
});

it('jobs without options keep to the limits, too', async (t) => {
  const { sender } = await open(t, { limits: { queuesMax: 1, jobsMax: 1 } });
  assert.equal((await send(sender, [asJob({ queue: 'first' })]))[0]?.kind, 'enqueued');
  const [full] = await send(sender, [asJob()]);
  assert.match(String(full?.kind === 'refused' && full.detail), /its limit is 1/);
  const other = await open(t, { limits: { queuesMax: 1 } });
  await send(other.sender, [asJob({ queue: 'first' })]);
  const [noQueue] = await send(other.sender, [asJob()]);
  assert.match(String(noQueue?.kind === 'refused' && noQueue.detail), /the broker has 1 queues/);
});

it('nothing is said before the group is stored', async (t) => {
  const hold = holding();
  const { sender } = await open(t, hold);
  let isSettled = false;
  const outcomes = send(sender, [asJob()]).finally(() => (isSettled = true));
  assert.equal(hold.writes(), 1, 'a frame starts the write: its turn is over');
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([isSettled, sender.inFlight], [false, 1]);
  hold.release();
  assert.deepEqual(await outcomes, [enqueued]);
  assert.equal(sender.inFlight, 0);
});

it('frames that come while a group is being stored are one group, and there is an end to them', async (t) => {
  const hold = holding();
  const { sender } = await open(t, hold);
  const sent: Promise<readonly Outcome[]>[] = [];
  while (sender.slots > 0) sent.push(send(sender, [asJob()]));
  assert.equal(sent.length, 64);
  let groups = 0;
  await until('the end of every frame', () => {
    groups += hold.writes();
    hold.release();
    return sender.inFlight === 0;
  });
  // Two may be written side by side. All other frames come while they are.
  assert.ok(groups <= 3, `${groups} groups`);
  assert.ok((await Promise.all(sent)).every(([outcome]) => outcome?.kind === 'enqueued'));
});

it('what the broker refuses is refused job by job, with its words', async (t) => {
  const { sender, frames } = await open(t, { limits: { queuesMax: 1, jobsMax: 3 } });
  const outcomes = await send(sender, [asJob(), asJob({ queue: 'one-too-many' }), asJob()]);
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.kind === 'refused' ? [outcome.code, outcome.detail] : outcome.kind)),
    ['enqueued', ['broker_refused', 'not stored: the broker has 1 queues, its limit'], 'enqueued'],
  );
  const none = await send(sender, [asJob(), asJob()]);
  const detail = 'not stored: the broker holds 2 jobs, its limit is 3';
  assert.deepEqual(none, Array(2).fill({ kind: 'refused', code: 'broker_refused', detail }));
  assert.deepEqual(frames, [
    [3, 'ok'],
    [2, 'refused'],
  ]);
});

it('a write that fails makes its jobs unknown and later ones refused, until the store works again', async (t) => {
  const faulty = createFaultyStore();
  const clock = createFakeClock();
  const { sender, frames } = await open(t, { wrapStore: faulty.wrap, clock });
  faulty.fault = 'ENOSPC';
  const [failed] = await send(sender, [asJob()]);
  assert.deepEqual(failed, {
    kind: 'unknown',
    code: 'outcome_unknown',
    detail: 'the store of the broker failed: ENOSPC',
  });
  const [later] = await send(sender, [asJob()]);
  assert.deepEqual(later, {
    kind: 'refused',
    code: 'broker_refused',
    detail: 'not stored: the store of the broker failed: ENOSPC',
  });
  await assert.rejects(sender.ping(), /ENOSPC/);
  faulty.fault = undefined;
  await until('a job is taken', async () => {
    clock.advance(300);
    return (await send(sender, [asJob()]))[0]?.kind === 'enqueued';
  });
  await sender.ping();
  assert.deepEqual(frames.slice(0, 2), [
    [1, 'lost'],
    [1, 'refused'],
  ]);
});

it('jobs that gather behind a write that fails are refused', async (t) => {
  const faulty = createFaultyStore();
  const hold = holding();
  const { sender } = await open(t, { wrapStore: (store) => hold.wrapStore(faulty.wrap(store)) });
  faulty.fault = 'EIO';
  // The second group is smaller, so it is not written beside the first.
  const first = send(sender, [asJob(), asJob()]);
  const second = send(sender, [asJob()]);
  hold.release();
  assert.equal((await first)[0]?.kind, 'unknown');
  assert.equal((await second)[0]?.kind, 'refused');
});

it('refuses a frame all of whose jobs the broker refuses one by one, and gives its place back', async (t) => {
  const { sender, frames } = await open(t, { limits: { queuesMax: 1 } });
  assert.deepEqual(await send(sender, [asJob()]), [enqueued]);
  const places = sender.slots;
  const outcomes = await send(sender, [asJob({ queue: 'second' }), asJob({ queue: 'third' })]);
  assert.deepEqual(
    outcomes.map(({ kind }) => kind),
    ['refused', 'refused'],
  );
  assert.equal(sender.slots, places);
  assert.deepEqual(frames.at(-1), [2, 'refused']);
});
