// Starts an embedded broker for a test, on a free port, and closes it at the test's end.
import type { TestContext } from 'node:test';
import { Client } from 'faktory-worker';
import { createBroker, type Broker, type BrokerOptions } from '../../src/broker/broker.ts';
import { openDurableStore } from '../../src/broker/storage/durable-store.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface StartedBroker extends Broker {
  readonly url: string;
}

/** A data folder of the test's own. */
export const brokerFolder = (): string => temporaryFolder('broker-');

/** The program writes 16 MB of zeros for its log at each start, which would take longer than most tests. */
const segmentBytes = 1024 * 1024;

/** As createBroker, with small files of the log. The test closes it. */
export const openBroker = (options: BrokerOptions): Promise<Broker> =>
  createBroker({ openStore: (dataDir) => openDurableStore(dataDir, { segmentBytes }), ...options });

/** In memory, unless a `dataDir` is given. */
export async function startBroker(t: Pick<TestContext, 'after'>, options: BrokerOptions = {}): Promise<StartedBroker> {
  const broker = await openBroker(options);
  t.after(() => broker.close());
  const password = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`;
  return { ...broker, url: `tcp://${password}${broker.host}:${broker.port}` };
}

/** By the word of the broker, embedded or real, on 127.0.0.1: jobs in its queue `default`. */
export async function queuedJobs(port: number): Promise<number> {
  const client = new Client({ host: '127.0.0.1', port });
  const info = await client.info();
  await client.close();
  return info.faktory.queues['default'] ?? 0;
}
