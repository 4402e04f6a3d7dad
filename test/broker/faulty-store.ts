// Stores that fail, for tests: each stands between the broker and a real one.
import type { DurableStoreOptions } from '../../src/broker/storage/durable-store.ts';
import { openLevelStore } from '../../src/broker/storage/level-store.ts';
import { openSegment } from '../../src/broker/storage/segment.ts';
import type { Store, StoreOperation } from '../../src/broker/storage/store.ts';

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
  // A write rejects when a write before it was not stored.
  let hasFailed = false;
  const faulty: FaultyStore = {
    fault: undefined,
    writesToFail: 0,
    keepsFailed: false,
    writes: 0,
    reopened: 0,
    wrap: (store) => ({
      ...store,
      async write(operations) {
        faulty.writes++;
        if (faulty.fault === undefined && faulty.writesToFail === 0 && !hasFailed) return store.write(operations);
        hasFailed = true;
        if (faulty.keepsFailed) await store.write(operations);
        if (faulty.writesToFail > 0) faulty.writesToFail--;
        throw new Error(faulty.fault ?? 'one write failed');
      },
      async reopen() {
        if (faulty.fault !== undefined) throw new Error(faulty.fault);
        faulty.reopened++;
        hasFailed = false;
        await store.reopen();
      },
    }),
  };
  return faulty;
}

/**
 * A disk that loses at a crash what was not synced: such writes stay in the memory of this process. What LevelDB syncs does
 * not save what it wrote before.
 * @param honest false: what is written to the log is kept back, too, as if the broker had forgotten to sync it
 */
export function losingUnsynced(honest: boolean): DurableStoreOptions {
  return {
    async openLevel(folder, again) {
      const level = await openLevelStore(folder, again);
      const unsynced = new Map<string, StoreOperation>();
      async function writeUnsynced(): Promise<void> {
        const operations = [...unsynced.values()];
        unsynced.clear();
        await level.write(operations, { sync: false });
      }
      return {
        ...level,
        async write(operations, options) {
          const all = [...operations];
          for (const operation of all) {
            const key = operation.key.toString('hex');
            if (options.sync) unsynced.delete(key);
            else unsynced.set(key, operation);
          }
          if (options.sync) await level.write(all, options);
        },
        async flush() {
          await writeUnsynced();
          await level.flush();
        },
        async get(keys) {
          await writeUnsynced();
          return level.get(keys);
        },
        async page(...range) {
          await writeUnsynced();
          return level.page(...range);
        },
        async clear(from, to) {
          await writeUnsynced();
          await level.clear(from, to);
        },
      };
    },
    async openSegment(path, bytes) {
      const segment = await openSegment(path, bytes);
      return honest ? segment : { ...segment, write: async () => {} };
    },
  };
}
