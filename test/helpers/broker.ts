// Starts an embedded broker for a test, on a free port, and closes it at the test's end.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Client } from 'faktory-worker';
import { createBroker, type Broker, type BrokerOptions } from '../../src/broker/broker.ts';

export interface StartedBroker extends Broker {
  readonly url: string;
}

/** A data folder of the test's own. It is removed while the broker may still be writing: hence the retries. */
export function brokerFolder(t: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'broker-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** In memory, unless a `dataDir` is given. */
export async function startBroker(t: Pick<TestContext, 'after'>, options: BrokerOptions = {}): Promise<StartedBroker> {
  const broker = await createBroker(options);
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
