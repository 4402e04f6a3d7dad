// Brings the groups of the log to LevelDB. Operations are gathered: a key that changes with every group is written once, with its
// last value, so a group costs LevelDB next to nothing.
import type { LevelStore } from './level-store.ts';
import type { StoreOperation } from './store.ts';

export interface WriteBehind {
  /** Rejects when LevelDB has failed; nothing may be added then. */
  untilRoom(): Promise<void>;
  add(operations: readonly StoreOperation[], sequence: number): void;
  /** The last operation on this key, unless LevelDB has it. */
  find(key: Buffer): StoreOperation | undefined;
  /** Resolves when LevelDB has all that was added. */
  settle(): Promise<void>;
  /** Writes these operations after the batches under way. */
  write(operations: StoreOperation[], options: { sync: boolean }): Promise<void>;
}

/** A larger batch would hold up the event loop for more than a millisecond. */
const batchOperationsMax = 500;
const batchBytesMax = 1024 * 1024;
/** After this time LevelDB gets what has gathered. Damage of the log is noticed only for groups that LevelDB has noted as applied. */
const gatherMsMax = 1000;
/** LevelDB is slower than the log: beyond this the log waits. */
const waitingBytesMax = 32 * 1024 * 1024;

/** @param stateAt the record that says that LevelDB holds all groups up to this one */
export function createWriteBehind(level: LevelStore, stateAt: (sequence: number) => StoreOperation): WriteBehind {
  let gathered = new Map<string, StoreOperation>();
  let bytes = 0;
  let last = 0;
  let timer: NodeJS.Timeout | undefined;
  let failure: { readonly error: unknown } | undefined;
  let inFlight = 0;
  /** Batches that LevelDB lacks, oldest first; the last one gathers. */
  const batches = new Set<ReadonlyMap<string, StoreOperation>>([gathered]);
  let written = Promise.resolve();

  function write(operations: Iterable<StoreOperation>, options: { sync: boolean }): Promise<void> {
    inFlight++;
    written = written
      .then(() => level.write(operations, options))
      .catch((error: unknown) => void (failure = { error }))
      .finally(() => inFlight--);
    return written;
  }

  function writeGathered(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const operations = gathered.set('', stateAt(last));
    batches.add((gathered = new Map()));
    bytes = 0;
    // After a failure nothing is read any more: the store is opened again.
    return write(operations.values(), { sync: false }).finally(() => batches.delete(operations));
  }

  const isFull = (): boolean => gathered.size >= batchOperationsMax || bytes >= batchBytesMax;

  function writeIfFull(): void {
    if (isFull() && inFlight === 0) void writeGathered();
  }

  async function settle(): Promise<void> {
    if (gathered.size > 0) void writeGathered();
    await written;
    if (failure) throw failure.error;
  }

  return {
    async untilRoom() {
      if (failure) throw failure.error;
      if (bytes >= waitingBytesMax) await settle();
    },
    add(operations, sequence) {
      for (const operation of operations) {
        gathered.set(operation.key.toString('latin1'), operation);
        bytes += operation.type === 'put' ? operation.value.length : operation.key.length;
      }
      last = sequence;
      timer ??= setTimeout(() => void writeGathered(), gatherMsMax).unref();
      // After the replies of this group.
      if (isFull() && inFlight === 0) setImmediate(writeIfFull);
    },
    find(key) {
      const text = key.toString('latin1');
      let found: StoreOperation | undefined;
      for (const operations of batches) found = operations.get(text) ?? found;
      return found;
    },
    settle,
    async write(operations, options) {
      await write(operations, options);
      if (failure) throw failure.error;
    },
  };
}
