// A store of keys for tests of the HTTP side: without the broker that would store records with jobs.
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/domain/clock.ts';
import type { KeyStore } from '../../src/domain/keys.ts';
import { createEngineKeys } from '../../src/roles/engine-keys.ts';
import { startBroker } from './broker.ts';

export async function openKeys(t: Pick<TestContext, 'after'>): Promise<KeyStore> {
  const { engine } = await startBroker(t);
  return createEngineKeys({ engine, durability: 'memory', clock: systemClock, underWayMsMax: 25_000 });
}
