// An API that ends itself, as by kill -9, at one moment of a request with a key. Arguments, as JSON: where its broker and its
// keys are, and when it is to end.
import type { TestContext } from 'node:test';
import { createBroker } from '../../../src/broker/broker.ts';
import type { Store } from '../../../src/broker/storage/store.ts';
import { systemClock } from '../../../src/domain/clock.ts';
import type { KeyStore } from '../../../src/domain/keys.ts';
import type { JobProducer } from '../../../src/domain/producer.ts';
import { createGroupCommit } from '../../../src/enqueue/group-commit.ts';
import { createRedisKeys } from '../../../src/keys/redis-keys.ts';
import { createEngineKeys } from '../../../src/roles/engine-keys.ts';
import { createEngineSender } from '../../../src/roles/engine-sender.ts';
import { build } from '../../helpers/app.ts';
import { createProducer, unlimited } from '../../helpers/producer.ts';

/**
 * The moment of the kill: before or after the record is stored, before or after the write, when the outcome is known, when it is
 * settled. `none`: no kill.
 */
export type Gap = 'claim' | 'claimed' | 'write' | 'written' | 'pushed' | 'settled' | 'none';

export interface ChildOptions {
  gap: Gap;
  /** The embedded broker and its keys. */
  dataDir?: string;
  /** Or a broker elsewhere, and Redis. */
  brokerPort?: number;
  redisUrl?: string;
  underWayMsMax: number;
}

const { gap, dataDir, brokerPort, redisUrl, underWayMsMax } = JSON.parse(process.argv[2] ?? '') as ChildOptions;
const forEver: Pick<TestContext, 'after'> = { after: () => undefined };

function end(at: Gap): void {
  if (gap === at) process.kill(process.pid, 'SIGKILL');
}

const endingStore = (store: Store): Store => ({
  ...store,
  async write(operations) {
    // The broker opens its store before there is a request.
    if (isServing) end('write');
    await store.write(operations);
    if (isServing) end('written');
  },
});

let isServing = false;

async function openEmbedded(folder: string): Promise<{ keys: KeyStore; producer: JobProducer }> {
  const { engine, push, durability } = await createBroker({ dataDir: folder, wrapStore: endingStore });
  const sender = createEngineSender({ engine, push, clock: systemClock, onChange: () => producer.onSenderChange() });
  const limits = { frameJobsMax: 100, frameBytesMax: 14_000, acquireTimeoutMs: 2000, lingerMs: 0 };
  const producer = createGroupCommit({ sender, admission: unlimited(), clock: systemClock, ...limits });
  return {
    keys: createEngineKeys({ engine, durability, clock: systemClock, underWayMsMax }),
    producer,
  };
}

function openShared(port: number, url: string): { keys: KeyStore; producer: JobProducer } {
  const log = { info: () => undefined, warn: () => undefined };
  return {
    keys: createRedisKeys({ url, ttlSeconds: 600, underWayMsMax, log }),
    producer: createProducer(forEver as TestContext, port).producer,
  };
}

const { keys, producer } =
  dataDir === undefined ? openShared(brokerPort ?? 0, redisUrl ?? '') : await openEmbedded(dataDir);
const { listen } = build(forEver, {
  keys: {
    ...keys,
    async claim(claims) {
      end('claim');
      const verdicts = await keys.claim(claims);
      end('claimed');
      return verdicts;
    },
    async settle(settlements) {
      end('pushed');
      await keys.settle(settlements);
      end('settled');
    },
  },
  producer,
});
isServing = true;
console.log(await listen());
