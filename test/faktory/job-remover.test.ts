// Jobs that have not started are taken out of the embedded broker, over the protocol and inside one process, and of a real
// Faktory; and what is said when the broker is away or silent.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/domain/clock.ts';
import type { JobRemover } from '../../src/domain/job-remover.ts';
import { FaktoryClient } from '../../src/faktory/client.ts';
import { createJobRemover } from '../../src/faktory/job-remover.ts';
import { createEngineRemover } from '../../src/roles/engine-remover.ts';
import { connectFwp, makeJob, type FwpClient } from '../broker/fwp-client.ts';
import { createFaultyStore } from '../broker/faulty-store.ts';
import { startBroker } from '../helpers/broker.ts';
import { startFaktory } from '../helpers/real-faktory.ts';
import { faktoryPath } from '../helpers/real-parts.ts';
import { startScriptedBroker } from '../helpers/scripted-broker.ts';

function overProtocol(t: TestContext, port: number, tells: boolean, timeoutMs = 10_000): JobRemover {
  const open = (onChange: () => void): FaktoryClient =>
    new FaktoryClient({
      address: { host: '127.0.0.1', port, tls: false, password: undefined },
      ...{ size: 1, clock: systemClock, random: Math.random },
      ...{ connectTimeoutMs: 2000, readTimeoutMs: 10_000, writeTimeoutMs: 2000, keepAliveDelayMs: 60_000 },
      onChange,
    });
  const remover = createJobRemover({ open, tells: () => tells, clock: systemClock, timeoutMs });
  t.after(() => remover.close());
  return remover;
}

const later = (): ReturnType<typeof makeJob> => makeJob({ at: '2100-01-01T00:00:00Z' });
const pushAll = (client: FwpClient, jobs: unknown[]): Promise<unknown> => client.ask(`PUSHB ${JSON.stringify(jobs)}`);

/** Pushes two jobs, and lets the first fail once. */
async function failFirst(client: FwpClient, jobs: readonly { jid: string }[]): Promise<void> {
  await pushAll(client, [...jobs]);
  const { jid } = await client.askJson('FETCH default');
  assert.equal(jid, jobs[0]?.jid);
  assert.equal(await client.ask(`FAIL {"jid":"${String(jid)}","message":"m","errtype":"E"}`), '+OK');
}

async function countsOf(client: FwpClient): Promise<[scheduled: number, retries: number, queued: number]> {
  const { faktory } = (await client.askJson('INFO')) as {
    faktory: { sets: { scheduled: number; retries: number }; total_enqueued: number };
  };
  return [faktory.sets.scheduled, faktory.sets.retries, faktory.total_enqueued];
}

describe('a job that has not started', () => {
  for (const way of ['over the protocol', 'in one process'] as const) {
    it(`is taken out of the embedded broker ${way}, wherever it waits`, async (t) => {
      const broker = await startBroker(t);
      const client = await connectFwp(t, { port: broker.port });
      const remover =
        way === 'in one process' ? createEngineRemover(broker.mutations) : overProtocol(t, broker.port, true);
      const [scheduled, kept, failing, queued] = [later(), later(), makeJob(), makeJob()];
      await pushAll(client, [scheduled, kept]);
      await failFirst(client, [failing, queued]);
      assert.deepEqual(await countsOf(client), [2, 1, 1]);
      for (const { jid } of [scheduled, failing, queued]) {
        assert.equal(await remover.remove(jid), true);
        assert.equal(await remover.remove(jid), false);
      }
      assert.deepEqual(await countsOf(client), [1, 0, 0]);
      const running = makeJob();
      await pushAll(client, [running]);
      await client.ask('FETCH default');
      assert.equal(await remover.remove(running.jid), false);
      assert.equal(await client.ask(`ACK {"jid":"${running.jid}"}`), '+OK');
    });
  }

  it('is in doubt when the store of the broker fails, in one process too', async (t) => {
    const faults = createFaultyStore();
    const broker = await startBroker(t, { wrapStore: faults.wrap });
    const client = await connectFwp(t, { port: broker.port });
    const job = later();
    await pushAll(client, [job]);
    faults.fault = 'disk full';
    const expected = { outcome: 'unknown' };
    await assert.rejects(createEngineRemover(broker.mutations).remove(job.jid), expected);
  });

  it('is taken out of Faktory, which does not tell', { skip: faktoryPath() === undefined }, async (t) => {
    const { port } = await startFaktory(t);
    const client = await connectFwp(t, { port });
    const remover = overProtocol(t, port, false);
    const [scheduled, kept, failing, queued] = [later(), later(), makeJob(), makeJob()];
    await pushAll(client, [scheduled, kept]);
    await failFirst(client, [failing, queued]);
    for (const { jid } of [scheduled, failing, queued]) assert.equal(await remover.remove(jid), false);
    assert.deepEqual(await countsOf(client), [1, 0, 1]);
  });
});

describe('a broker that cannot be asked', () => {
  it('is away: nothing was sent', async (t) => {
    const broker = await startScriptedBroker();
    await broker.close();
    await assert.rejects(overProtocol(t, broker.port, false).remove('job-12345'), { outcome: 'away' });
  });

  it('is silent, or refuses: the outcome is unknown', async (t) => {
    const broker = await startScriptedBroker();
    t.after(() => broker.close());
    for (const reply of [undefined, '-ERR i/o timeout\r\n']) {
      broker.setScript({ reply: () => reply });
      const remover = overProtocol(t, broker.port, false, 100);
      await assert.rejects(remover.remove('job-12345'), {
        outcome: 'unknown',
      });
    }
  });
});
