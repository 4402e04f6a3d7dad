// The last ticks of schedules where the broker is in this process: they outlive it, and a key of a tick does, too.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createEngineTicks } from '../../src/roles/engine-ticks.ts';
import { createFaultyStore } from '../broker/faulty-store.ts';
import { tickStoreContract } from '../contract/ticks.ts';
import { brokerFolder, startBroker } from '../helpers/broker.ts';

const tick = { atMs: 1000, jobId: 'job', outcome: 'enqueued', pattern: '0 3 * * *', timeZone: 'UTC' } as const;

tickStoreContract('embedded, in memory', async (t) => createEngineTicks((await startBroker(t)).engine));
tickStoreContract('embedded, on disk', async (t) =>
  createEngineTicks((await startBroker(t, { dataDir: brokerFolder() })).engine),
);

describe('embedded last ticks', () => {
  it('outlive the broker, and a FLUSH of all jobs', async (t) => {
    const dataDir = brokerFolder();
    const broker = await startBroker(t, { dataDir });
    await createEngineTicks(broker.engine).keep('nightly', tick);
    broker.engine.state().flush();
    await broker.close();
    for (let round = 0; round < 2; round++) {
      const again = await startBroker(t, { dataDir });
      assert.deepEqual(await createEngineTicks(again.engine).last(['nightly']), [tick]);
      await again.close();
    }
  });

  it('are not told of while the store has failed, and hold up nobody', async (t) => {
    const faulty = createFaultyStore();
    const { engine } = await startBroker(t, { wrapStore: faulty.wrap });
    const ticks = createEngineTicks(engine);
    faulty.fault = 'no space left';
    await ticks.keep('nightly', tick);
    await assert.rejects(ticks.last(['nightly']), /no space left/);
  });
});
