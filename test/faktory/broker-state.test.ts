// What is read of a broker for /metrics: from scripted replies, and from a real Faktory.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Client } from 'faktory-worker';
import { readBrokerState } from '../../src/faktory/broker-state.ts';
import type { FaktoryClient } from '../../src/faktory/client.ts';
import { faktoryPath } from '../helpers/real-parts.ts';
import { startFaktory } from '../helpers/real-faktory.ts';

type Asked = Pick<FaktoryClient, 'info' | 'send'>;

const info = (queues: Record<string, number>): Awaited<ReturnType<FaktoryClient['info']>> => {
  const set = (size: number) => ({ size });
  const tasks = { Scheduled: set(1), Retries: set(2), Dead: set(3), Busy: set(4) };
  const faktory = { queues, tasks, total_processed: 50, total_failures: 6 };
  return { faktory } as unknown as Awaited<ReturnType<FaktoryClient['info']>>;
};

describe('the state of a broker', () => {
  it('has the latencies of the 100 fullest queues, and 0 for those that are empty', async () => {
    const sizes = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`q${index}`, index]));
    let asked: string[] = [];
    const client: Asked = {
      info: () => Promise.resolve(info(sizes)),
      send(command) {
        asked = command;
        return Promise.resolve(JSON.stringify(Object.fromEntries(command.slice(2).map((name) => [name, 1.5]))));
      },
    };
    const { queues, ...counts } = await readBrokerState(client);
    assert.deepEqual(counts, { scheduled: 1, retries: 2, dead: 3, working: 4, processed: 50, failures: 6 });
    assert.deepEqual([asked.length, ...asked.slice(0, 3)], [102, 'QUEUE', 'LATENCY', 'q299']);
    const byName = new Map(queues.map(({ name, ...rest }) => [name, rest]));
    assert.deepEqual(byName.get('q299'), { depth: 299, latencySeconds: 1.5, isPaused: undefined });
    assert.deepEqual(byName.get('q0'), { depth: 0, latencySeconds: 0, isPaused: undefined });
    assert.deepEqual(byName.get('q1'), { depth: 1, latencySeconds: undefined, isPaused: undefined });
  });

  it('goes without latencies where the broker does not know the command', async () => {
    const client: Asked = {
      info: () => Promise.resolve(info({ default: 7 })),
      send: () => Promise.reject(new Error('ERR Unknown subcommand')),
    };
    assert.deepEqual((await readBrokerState(client)).queues[0]?.latencySeconds, undefined);
  });

  it('is refused when numbers are missing', async () => {
    const nothing = { faktory: { queues: {}, tasks: { Scheduled: {}, Retries: {}, Dead: {} } } };
    const client = { info: () => Promise.resolve(nothing), send: () => Promise.resolve('{}') } as unknown as Asked;
    await assert.rejects(readBrokerState(client), /INFO lacks numbers of jobs/);
  });

  const skip = faktoryPath() === undefined && 'Faktory is missing';
  it('is read from a real Faktory', { skip }, async (t) => {
    const { port } = await startFaktory(t);
    const client = new Client({ host: '127.0.0.1', port });
    t.after(() => client.close());
    const at = new Date(Date.now() + 3_600_000).toISOString();
    await client.job('one', {}).push();
    await client.job('two', {}).push();
    await client.send(['PUSH', JSON.stringify({ jid: 'later-00001', jobtype: 'three', args: [], at })]);
    await client.send(['FETCH', 'default']);
    const { queues, ...counts } = await readBrokerState(client as unknown as Asked);
    assert.deepEqual(counts, { scheduled: 1, retries: 0, dead: 0, working: 1, processed: 0, failures: 0 });
    const [queue] = queues;
    assert.deepEqual([queues.length, queue?.name, queue?.depth], [1, 'default', 1]);
    assert.equal(typeof queue?.latencySeconds, 'number');
  });
});
