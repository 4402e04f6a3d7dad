// A broker that goes on is copied as it was at one moment, with all that was acknowledged before; damage is found.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { join } from 'node:path';
import { Client } from 'faktory-worker';
import { restoreStore } from '../../src/broker/restore.ts';
import type { StoreRecord } from '../../src/broker/storage/store.ts';
import { brokerFolder, startBroker } from '../helpers/broker.ts';

const queues = ['default', 'other'];

describe('the records of a broker', () => {
  it('make another one with every job that was acknowledged before', async (t) => {
    const folder = brokerFolder();
    const broker = await startBroker(t, { dataDir: join(folder, 'first') });
    const client = new Client({ host: '127.0.0.1', port: broker.port });
    t.after(() => client.close());
    let [pushed, stops] = [0, false];
    const push = async (): Promise<void> => {
      for (; !stops; pushed++) await client.job('x', pushed).push();
    };
    const pushing = Promise.all([push(), push(), push()]);
    await client.pushBulk(queues.map((queue) => Object.assign(client.job('x'), { queue })));
    await client.pushBulk([Object.assign(client.job('x'), { at: '2099-01-01T00:00:00Z' })]);
    while (pushed < 20) await new Promise((resolve) => setImmediate(resolve));
    for (let round = 0; round < 5; round++) {
      const before = pushed;
      const found = await restoreStore(join(folder, `copy-${round}`), broker.engine.records());
      const jobsOf = (name: string): number => found.queues.find((queue) => queue.name === name)?.jobs ?? 0;
      assert.ok(jobsOf('default') >= before + 1, `${jobsOf('default')} of ${before + 1}`);
      assert.deepEqual([jobsOf('other'), found.scheduled, found.retries, found.dead, found.working], [1, 1, 0, 0, 0]);
      while (pushed < before + 20) await new Promise((resolve) => setImmediate(resolve));
    }
    stops = true;
    await pushing;
    const last = await restoreStore(join(folder, 'last'), broker.engine.records());
    assert.deepEqual([...last.queues].sort((a, b) => a.jobs - b.jobs).at(-1), { name: 'default', jobs: pushed + 1 });
  });

  it('make none when a record is missing or has changed', async (t) => {
    const folder = brokerFolder();
    const broker = await startBroker(t, { dataDir: join(folder, 'first') });
    const client = new Client({ host: '127.0.0.1', port: broker.port });
    for (const queue of queues) await Object.assign(client.job('x'), { queue }).push();
    await client.close();
    const records: StoreRecord[] = [];
    for await (const page of broker.engine.records()) records.push(...page);
    assert.ok(records.length >= 5);
    async function* without(index: number): AsyncGenerator<StoreRecord[]> {
      yield records.filter((_, at) => at !== index);
    }
    for (const index of records.keys())
      await assert.rejects(
        restoreStore(join(folder, `without-${index}`), without(index)),
        /damaged/,
        `record ${index}`,
      );
    async function* changed(): AsyncGenerator<StoreRecord[]> {
      yield records.map(([key, value], at) => [key, at === 1 ? Buffer.concat([value, Buffer.alloc(1)]) : value]);
    }
    await assert.rejects(restoreStore(join(folder, 'changed'), changed()), /fails its checksum/);
  });
});
