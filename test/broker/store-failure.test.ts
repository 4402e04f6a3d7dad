// Writes that fail: nothing is acknowledged that is not stored, memory follows the disk, and service returns by itself.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDurableStore } from '../../src/broker/storage/durable-store.ts';
import { openSegment, type OpenSegment } from '../../src/broker/storage/segment.ts';
import { showed } from '../faults/matrix.ts';
import { brokerFolder, startBroker } from '../helpers/broker.ts';
import { until } from '../helpers/until.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { createFaultyStore } from './faulty-store.ts';
import { connectFwp, makeJob, type FwpClient } from './fwp-client.ts';

const push = (job: unknown): string => `PUSH ${JSON.stringify(job)}`;

async function open(t: TestContext, dataDir?: string) {
  const faulty = createFaultyStore();
  const clock = createFakeClock();
  const reports: string[] = [];
  const broker = await startBroker(t, {
    dataDir,
    clock,
    wrapStore: faulty.wrap,
    report: (message) => void reports.push(message),
  });
  const connect = () => connectFwp(t, { port: broker.port });
  return { faulty, clock, reports, connect, client: await connect() };
}

/** The jid of the next job, when the store works again. */
async function fetchOne(client: FwpClient, clock: FakeClock): Promise<string> {
  for (;;) {
    const reply = await client.ask('FETCH default');
    if (reply?.startsWith('{')) return (JSON.parse(reply) as { jid: string }).jid;
    clock.advance(300);
  }
}

const folders = [
  ['in memory', () => undefined],
  ['on disk', brokerFolder],
] as const;

for (const [name, folderOf] of folders) {
  describe(`a failing store ${name}`, () => {
    it('makes the group in flight unknown, refuses later changes, and keeps neither', async (t) => {
      const { faulty, client, connect } = await open(t, folderOf());
      const before = makeJob();
      assert.equal(await client.ask(push(before)), '+OK');
      faulty.fault = 'ENOSPC: no space left on device';
      const other = await connect();
      const first = client.ask(push(makeJob()));
      assert.match(String(await first), /^-ERR the store of the broker failed, the outcome is unknown: .*ENOSPC/);
      assert.match(
        String(await other.ask(push(makeJob()))),
        /^-ERR not stored: the store of the broker failed: .*ENOSPC/,
      );
      assert.match(String(await other.ask('FETCH default')), /^-ERR not stored: /);
      faulty.fault = undefined;
      showed('store-fails', `${name}: 1 unknown, 2 refused, as it was`);
    });

    it('is tried again by the next command, and what was acknowledged before is there once', async (t) => {
      const { faulty, clock, client, reports } = await open(t, folderOf());
      const [kept, fetched, refused] = [makeJob(), makeJob(), makeJob()];
      await client.ask(push(fetched));
      await client.ask(push(kept));
      faulty.fault = 'ENOSPC';
      // The pop of this FETCH is not stored: the job must be handed out again.
      assert.match(String(await client.ask('FETCH default')), /outcome is unknown/);
      assert.match(String(await client.ask(push(refused))), /^-ERR not stored/);
      assert.equal(faulty.reopened, 0);
      faulty.fault = undefined;
      const first = await fetchOne(client, clock);
      assert.ok(reports.includes('the store of the broker works again'), reports.join());
      assert.equal(first, fetched.jid);
      assert.equal((await client.askJson('FETCH default'))['jid'], kept.jid);
      const info = (await client.askJson('INFO')) as { faktory: { total_enqueued: number; sets: { working: number } } };
      assert.deepEqual([info.faktory.total_enqueued, info.faktory.sets.working], [0, 2]);
      const later = makeJob();
      assert.equal(await client.ask(push(later)), '+OK');
      assert.equal((await client.askJson('FETCH default'))['jid'], later.jid);
      showed('store-returns', `${name}: 3 of 3 acknowledged jobs fetched, each once, the refused one never`);
    });

    it('that kept the write after all shows it after the restart of the store: unknown meant unknown', async (t) => {
      const { faulty, clock, client } = await open(t, folderOf());
      const job = makeJob();
      faulty.writesToFail = 1;
      faulty.keepsFailed = true;
      assert.match(String(await client.ask(push(job))), /outcome is unknown/);
      const first = await fetchOne(client, clock);
      assert.equal(first, job.jid);
      showed('store-kept', `${name}: 1 unknown job, fetched`);
    });

    it('replies to every command of many connections exactly once', async (t) => {
      const { faulty, clock, connect, client } = await open(t, folderOf());
      const clients = await Promise.all(Array.from({ length: 8 }, connect));
      const stored = new Set<string>();
      for (let round = 0; round < 20; round++) {
        faulty.writesToFail = round % 4 === 1 ? 1 : 0;
        await Promise.all(
          clients.flatMap((client) =>
            Array.from({ length: 5 }, async () => {
              const job = makeJob();
              if ((await client.ask(push(job))) === '+OK') stored.add(job.jid);
            }),
          ),
        );
        while ((await client.ask('INFO'))?.startsWith('-ERR')) clock.advance(300);
      }
      const held = new Set<string>();
      for (let reply = await fetchOne(client, clock); ; reply = await fetchOne(client, clock)) {
        held.add(reply);
        const { faktory } = (await client.askJson('INFO')) as { faktory: { total_enqueued: number } };
        if (faktory.total_enqueued === 0) break;
      }
      assert.ok(stored.size >= 400, `only ${stored.size} stored`);
      assert.deepEqual(
        [...stored].filter((jid) => !held.has(jid)),
        [],
      );
      showed('store-flaps', `${name}: 5 failed writes under 8 connections, ${stored.size} jobs acknowledged, 0 lost`);
    });
  });
}

/** A disk on which two writes can be held: each goes on, or fails, when it is called. */
function createHeldDisk() {
  const held: ((error?: Error) => void)[] = [];
  let isHolding = false;
  const openHeld: OpenSegment = async (path, bytes) => {
    const segment = await openSegment(path, bytes);
    return {
      ...segment,
      async write(data, position) {
        if (isHolding && held.length < 2) {
          await new Promise<void>((resolve, reject) => held.push((error) => (error ? reject(error) : resolve())));
        }
        await segment.write(data, position);
      },
    };
  };
  return {
    hold: () => void (isHolding = true),
    held,
    untilHeld: (count: number) => until(`${count} writes`, () => held.length >= count),
    openStore: (folder: string) => openDurableStore(folder, { segmentBytes: 65_536, openSegment: openHeld }),
  };
}

it('a group that fails beside an earlier group takes nothing from it: the earlier group is acknowledged and there', async (t) => {
  const disk = createHeldDisk();
  const dataDir = brokerFolder();
  const broker = await startBroker(t, { dataDir, openStore: disk.openStore });
  const [one, other] = await Promise.all([connectFwp(t, { port: broker.port }), connectFwp(t, { port: broker.port })]);
  const jobs = [makeJob(), makeJob()];
  disk.hold();
  const first = one.ask(push(jobs[0]));
  await disk.untilHeld(1);
  const second = other.ask(push(jobs[1]));
  await disk.untilHeld(2);
  disk.held[1]?.(new Error('EIO: i/o error'));
  // In this time the store must not be opened again.
  await sleep(50);
  disk.held[0]?.();
  assert.equal(await first, '+OK');
  assert.match(String(await second), /outcome is unknown: EIO/);
  await broker.close();
  const again = await startBroker(t, { dataDir });
  const client = await connectFwp(t, { port: again.port });
  assert.deepEqual([again.recovered.queued, (await client.askJson('FETCH default'))['jid']], [1, jobs[0]?.jid]);
});

it('a store whose folder has gone is not opened again as an empty one', async (t) => {
  const folder = brokerFolder();
  const { faulty, clock, client, connect } = await open(t, folder);
  assert.equal(await client.ask(push(makeJob())), '+OK');
  faulty.fault = 'EIO: i/o error';
  assert.match(String(await client.ask(push(makeJob()))), /^-ERR the store of the broker failed/);
  rmSync(folder, { recursive: true });
  faulty.fault = undefined;
  const other = await connect();
  for (let tries = 0; tries < 3; tries++) {
    clock.advance(300);
    assert.match(String(await other.ask(push(makeJob()))), /^-ERR not stored: /);
  }
});

it('a store that cannot be opened again is tried at most once in a quarter of a second', async (t) => {
  const { faulty, clock, client, reports } = await open(t);
  faulty.fault = 'EIO';
  await client.ask(push(makeJob()));
  for (let index = 0; index < 50; index++) await client.ask(push(makeJob()));
  const failures = () => reports.filter((message) => message.includes('cannot be opened')).length;
  assert.equal(failures(), 1);
  clock.advance(250);
  for (let index = 0; index < 50; index++) await client.ask(push(makeJob()));
  assert.equal(failures(), 2);
  showed('store-flaps', '101 commands on a disk that is gone: 2 tries to open it, 250 ms apart');
});
