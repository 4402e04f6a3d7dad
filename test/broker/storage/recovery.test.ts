// What a restart finds, and what it must refuse.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openLevelStore } from '../../../src/broker/storage/level-store.ts';
import { formatKey, sealJson, streamStart } from '../../../src/broker/storage/records.ts';
import type { StoreError, StoreOperation, StoreRecord } from '../../../src/broker/storage/store.ts';
import { brokerFolder, openBroker, startBroker } from '../../helpers/broker.ts';
import { connectFwp, makeJob } from '../fwp-client.ts';

/** Runs `use` on a broker in this folder, then stops it. */
async function withBroker<T>(
  t: TestContext,
  dataDir: string,
  use: (client: Awaited<ReturnType<typeof connectFwp>>) => Promise<T>,
): Promise<T> {
  const broker = await openBroker({ dataDir });
  try {
    return await use(await connectFwp(t, { port: broker.port }));
  } finally {
    await broker.close();
  }
}

/** Several groups of jobs in the folder's log, each its own record. `atEnd` sees the folder as a kill would leave it. */
async function fill(t: TestContext, dataDir: string, groups = 40, atEnd = () => {}): Promise<void> {
  await withBroker(t, dataDir, async (client) => {
    for (let group = 0; group < groups; group++) {
      const jobs = Array.from({ length: 20 }, () => makeJob({ args: ['x'.repeat(100)] }));
      assert.equal(await client.ask(`PUSHB ${JSON.stringify(jobs)}`), '{}');
    }
    atEnd();
  });
}

const refusal = (dataDir: string): Promise<StoreError> =>
  openBroker({ dataDir }).then(
    async (broker) => {
      await broker.close();
      throw new Error(`it opened with ${JSON.stringify(broker.recovered)}`);
    },
    (error: unknown) => error as StoreError,
  );

describe('a restart', () => {
  it('does not bring back what FLUSH forgot, even when there was no queue', async (t) => {
    const dataDir = brokerFolder();
    await withBroker(t, dataDir, (client) =>
      client.ask(`PUSH ${JSON.stringify(makeJob({ at: '2100-01-01T00:00:00Z' }))}`),
    );
    await withBroker(t, dataDir, async (client) => assert.equal(await client.ask('FLUSH'), '+OK'));
    const { recovered } = await startBroker(t, { dataDir });
    assert.equal(recovered.scheduled, 0);
  });

  it('brings back queues, pauses, reservations, retries, schedules, the dead and the counters', async (t) => {
    const dataDir = brokerFolder();
    const jobs = ['done', 'retried', 'buried', 'reserved', 'queued-1', 'queued-2'].map((name) => makeJob({ name }));
    await withBroker(t, dataDir, async (client) => {
      for (const [index, job] of jobs.entries()) {
        await client.ask(`PUSH ${JSON.stringify({ ...job, retry: index === 2 ? -1 : 25 })}`);
      }
      for (let index = 0; index < 4; index++) await client.ask('FETCH default');
      await client.ask(`ACK {"jid":"${jobs[0]?.jid}"}`);
      await client.ask(`FAIL {"jid":"${jobs[1]?.jid}"}`);
      await client.ask(`FAIL {"jid":"${jobs[2]?.jid}"}`);
      await client.ask(`PUSH ${JSON.stringify(makeJob({ at: '2100-01-01T00:00:00Z' }))}`);
      await client.ask(`PUSH ${JSON.stringify(makeJob({ queue: 'held' }))}`);
      await client.ask('QUEUE PAUSE held');
    });
    const broker = await startBroker(t, { dataDir });
    const { ms, ...found } = broker.recovered;
    assert.deepEqual(found, { queues: 2, queued: 3, working: 1, scheduled: 1, retries: 1, dead: 1 });
    assert.ok(ms >= 0);
    const client = await connectFwp(t, { port: broker.port });
    const { faktory } = (await client.askJson('INFO')) as { faktory: Record<string, unknown> };
    assert.deepEqual([faktory['total_processed'], faktory['total_failures']], [3, 2]);
    assert.equal((await client.askJson('FETCH held default'))['jid'], jobs[4]?.jid);
    assert.equal((await client.askJson('FETCH held default'))['jid'], jobs[5]?.jid);
    assert.equal(await client.ask(`FAIL {"jid":"${jobs[3]?.jid}"}`), '+OK');
  });

  it('goes on after a removed queue and a FLUSH, and leaves nothing of them in the store', async (t) => {
    const dataDir = brokerFolder();
    const kept = makeJob();
    await withBroker(t, dataDir, async (client) => {
      await client.ask(`PUSH ${JSON.stringify(makeJob({ queue: 'gone' }))}`);
      await client.ask('FLUSH');
      await client.ask(`PUSH ${JSON.stringify(makeJob({ queue: 'gone' }))}`);
      await client.ask('QUEUE REMOVE gone');
      await client.ask(`PUSH ${JSON.stringify(kept)}`);
    });
    await withBroker(t, dataDir, async (client) => {
      assert.equal((await client.askJson('FETCH gone default'))['jid'], kept.jid);
    });
    await withBroker(t, dataDir, async () => {});
    const store = await openLevelStore(dataDir);
    t.after(() => store.close());
    const records = await store.page(streamStart(16), streamStart(2 ** 32 - 1), 100, 1e6);
    assert.equal(records.length, 1, 'the reservation, and nothing else');
  });

  it('reports nothing found in a new folder', async (t) => {
    const { recovered } = await startBroker(t, { dataDir: join(brokerFolder(), 'new', 'deep') });
    assert.equal(recovered.queued + recovered.queues + recovered.working, 0);
  });
});

describe('a data folder', () => {
  it('belongs to one broker at a time', async (t) => {
    const dataDir = brokerFolder();
    await startBroker(t, { dataDir });
    const error = await refusal(dataDir);
    assert.equal(error.code, 'locked');
    assert.ok(error.message.includes(dataDir));
    assert.match(error.message, /in use by another/);
  });

  it('is refused when it is a file', async () => {
    const file = join(brokerFolder(), 'file');
    writeFileSync(file, '');
    const error = await refusal(file);
    assert.equal(error.code, 'failed');
    assert.ok(error.message.includes(file));
  });

  it('is refused with the reason when an early version wrote it', async () => {
    const dataDir = brokerFolder();
    const store = await openLevelStore(dataDir);
    // As revision 94c70e7 wrote it: the same format, without a count of the queues.
    const sets = ['working', 'scheduled', 'retries', 'dead'].map((name, index) => [
      name,
      { stream: 16 + index, count: 0 },
    ]);
    const meta = { format: 1, sequence: 0, streams: 19, processed: 0, failures: 0, ...Object.fromEntries(sets) };
    await store.write([{ type: 'put', key: formatKey, value: sealJson(formatKey, meta) }], { sync: true });
    await store.close();
    const { message } = await refusal(dataDir);
    assert.match(message, /written by an early version of this program/);
    assert.doesNotMatch(message, /damaged/);
  });

  it('from before jobs could be cancelled gets a stream for cancelled jobs', async (t) => {
    const dataDir = brokerFolder();
    const store = await openLevelStore(dataDir);
    const sets = ['working', 'scheduled', 'retries', 'dead'].map((name, index) => [
      name,
      { stream: 16 + index, count: 0 },
    ]);
    const counts = { sequence: 0, streams: 19, processed: 7, failures: 0, queues: 0 };
    const meta = { format: 1, ...counts, ...Object.fromEntries(sets) };
    await store.write([{ type: 'put', key: formatKey, value: sealJson(formatKey, meta) }], { sync: true });
    await store.close();
    const first = await startBroker(t, { dataDir });
    const client = await connectFwp(t, { port: first.port });
    const jobs = [makeJob(), makeJob()];
    assert.equal(await client.ask(`PUSHB ${JSON.stringify(jobs)}`), '{}');
    await first.close();
    const again = await openLevelStore(dataDir);
    const records = await again.page(streamStart(0), streamStart(2 ** 32 - 1), 100, 1e6);
    assert.deepEqual(
      records.map(([key]) => key.readUInt32BE()),
      [0, 0, 1, 21],
      'the records of the format and of all, the queue, its jobs; 20 is for what is cancelled',
    );
    await again.close();
    assert.equal((await startBroker(t, { dataDir })).recovered.queued, 2);
  });

  it('is refused when it was written in another format', async () => {
    const dataDir = brokerFolder();
    const store = await openLevelStore(dataDir);
    await store.write([{ type: 'put', key: formatKey, value: sealJson(formatKey, { format: 99 }) }], { sync: true });
    await store.close();
    assert.match((await refusal(dataDir)).message, /format 99/);
  });

  it('is refused when its CURRENT is missing, and untouched by the refusal', async (t) => {
    const dataDir = brokerFolder();
    await fill(t, dataDir, 2);
    renameSync(join(dataDir, 'CURRENT'), join(dataDir, 'away'));
    const error = await refusal(dataDir);
    assert.equal(error.code, 'damaged');
    assert.ok(error.message.includes(dataDir));
    renameSync(join(dataDir, 'away'), join(dataDir, 'CURRENT'));
    await withBroker(t, dataDir, async (client) => assert.notEqual(await client.ask('FETCH default'), null));
  });

  it('is refused when a table is missing', async (t) => {
    const dataDir = brokerFolder();
    await fill(t, dataDir);
    await withBroker(t, dataDir, async () => {});
    const table = readdirSync(dataDir).find((file) => file.endsWith('.ldb'));
    assert.ok(table);
    rmSync(join(dataDir, table));
    assert.equal((await refusal(dataDir)).code, 'damaged');
  });

  it('is refused when it lacks any one record', async (t) => {
    const dataDir = brokerFolder();
    await withBroker(t, dataDir, async (client) => {
      for (let group = 0; group < 4; group++) await client.ask(`PUSH ${JSON.stringify(makeJob())}`);
      await client.ask('FETCH default');
      await client.ask(`PUSH ${JSON.stringify(makeJob({ at: '2100-01-01T00:00:00Z' }))}`);
    });
    const all = async (): Promise<StoreRecord[]> => {
      const store = await openLevelStore(dataDir);
      const records = await store.page(Buffer.alloc(0), Buffer.alloc(5, 0xff), 100, 1e6);
      await store.close();
      return records;
    };
    const put = async (operations: StoreOperation[]): Promise<void> => {
      const store = await openLevelStore(dataDir);
      await store.write(operations, { sync: true });
      await store.close();
    };
    const records = await all();
    assert.equal(records.length, 8, 'format, meta, queue, reservation, scheduled job, three chunks');
    for (const [key, value] of records) {
      await put([{ type: 'del', key }]);
      const error = await refusal(dataDir);
      assert.equal(error.code, 'damaged', key.toString('hex'));
      assert.ok(error.message.includes(dataDir));
      await put([{ type: 'put', key, value }]);
    }
    await withBroker(t, dataDir, async () => {});
    assert.equal((await all()).length, 8);
  });

  for (const [what, kind] of [
    ['its log after a kill', 'groups.0'],
    ['its table after an orderly end', '.ldb'],
  ] as const) {
    it(`is refused, or complete, whichever byte of ${what} was changed`, async (t) => {
      const dataDir = brokerFolder();
      const saved = new Map<string, Buffer>();
      const save = (): void =>
        readdirSync(dataDir).forEach((file) => saved.set(file, readFileSync(join(dataDir, file))));
      await fill(t, dataDir, 40, kind === '.ldb' ? () => {} : save);
      if (kind === '.ldb') save();
      const largest = [...saved]
        .filter(([file]) => file.endsWith(kind))
        .map(([file, bytes]) => ({ file, bytes, used: bytes.findLastIndex((byte) => byte !== 0) + 1 }))
        .sort((one, other) => other.used - one.used)[0];
      assert.ok(largest && largest.used > 50_000);
      let refused = 0;
      for (let part = 0; part < 12; part++) {
        const folder = brokerFolder();
        for (const [file, bytes] of saved) writeFileSync(join(folder, file), bytes);
        const changed = Buffer.from(largest.bytes);
        const offset = Math.floor((largest.used * (part + 0.5)) / 13);
        changed.writeUInt8(changed.readUInt8(offset) ^ 0x10, offset);
        writeFileSync(join(folder, largest.file), changed);
        const outcome = await openBroker({ dataDir: folder }).then(
          async (broker) => {
            await broker.close();
            return broker.recovered.queued;
          },
          (error: unknown) => error as StoreError,
        );
        if (outcome instanceof Error) {
          refused++;
          assert.equal(outcome.code, 'damaged', outcome.message);
          assert.ok(outcome.message.includes(folder));
        } else {
          assert.equal(outcome, 800, `byte ${offset}`);
        }
      }
      assert.ok(refused >= 10, `only ${refused} changes of 12 were noticed`);
    });
  }
});
