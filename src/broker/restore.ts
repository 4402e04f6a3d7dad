// Makes a broker's store from the records of a copy, and opens it as a start would, with every check of recovery.ts.
import { systemClock } from './clock.ts';
import { createEngine } from './engine.ts';
import { defaultLimits } from './limits.ts';
import { openDurableStore } from './storage/durable-store.ts';
import type { Store, StoreRecord } from './storage/store.ts';

export interface RestoredJobs {
  readonly queues: readonly { readonly name: string; readonly jobs: number }[];
  /** The number of jobs in each set, and of jobs that were running. */
  readonly scheduled: number;
  readonly retries: number;
  readonly dead: number;
  readonly working: number;
}

/** Rejects with a StoreError when the records are not a whole store. */
export async function restoreStore(
  folder: string,
  pages: AsyncIterable<readonly StoreRecord[]>,
): Promise<RestoredJobs> {
  const store = await openDurableStore(folder);
  try {
    for await (const page of pages) await store.write(page.map(([key, value]) => ({ type: 'put', key, value })));
    return await open(store);
  } finally {
    await store.close();
  }
}

async function open(store: Store): Promise<RestoredJobs> {
  const engine = await createEngine({
    store,
    clock: systemClock,
    random: Math.random,
    limits: defaultLimits,
    keysKeptMs: Infinity,
    ownWids: [],
    report: () => {},
  });
  const { scheduled, retries, dead, working } = engine.recovered;
  const queues = [...engine.state().queues.values()].map((queue) => ({ name: queue.name, jobs: queue.size() }));
  await engine.close();
  return { queues, scheduled, retries, dead, working };
}
