// Stores that fail, for tests: each stands between the broker and a real one.
import type { Store, StoreOperation } from '../../src/broker/store.ts';

export interface FaultyStore {
  wrap: (store: Store) => Store;
  /** While set, every write and every open fails with this message. */
  fault: string | undefined;
  /** How many of the next writes fail: the store itself stays well. */
  writesToFail: number;
  /** A failing write is stored all the same: a sync that failed after the bytes had reached the disk. */
  keepsFailed: boolean;
  writes: number;
  reopened: number;
}

export function createFaultyStore(): FaultyStore {
  const faulty: FaultyStore = {
    fault: undefined,
    writesToFail: 0,
    keepsFailed: false,
    writes: 0,
    reopened: 0,
    wrap: (store) => ({
      ...store,
      async write(operations, options) {
        faulty.writes++;
        if (faulty.fault === undefined && faulty.writesToFail === 0) return store.write(operations, options);
        if (faulty.keepsFailed) await store.write(operations, options);
        if (faulty.writesToFail > 0) faulty.writesToFail--;
        throw new Error(faulty.fault ?? 'one write failed');
      },
      async reopen() {
        if (faulty.fault !== undefined) throw new Error(faulty.fault);
        faulty.reopened++;
        await store.reopen();
      },
    }),
  };
  return faulty;
}

/**
 * A disk that loses at a crash what was not synced: such writes stay in the memory of this process until the next
 * synced one.
 * @param honest false: the broker's wish to sync is not passed on, as if the broker had forgotten it
 */
export function losingUnsynced(store: Store, honest: boolean): Store {
  let unsynced: StoreOperation[] = [];
  return {
    ...store,
    async write(operations, { sync }) {
      unsynced = [...unsynced, ...operations];
      if (!sync || !honest) return;
      const all = unsynced;
      unsynced = [];
      await store.write(all, { sync });
    },
  };
}
