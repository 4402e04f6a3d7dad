// What is in the log already, on its way to LevelDB: gathered, so that of a key that changes with every group only the last
// value is written, and a group costs LevelDB next to nothing.
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
  /** After what is being written. */
  write(operations: StoreOperation[], options: { sync: boolean }): Promise<void>;
}

/** More would hold up the event loop for more than a millisecond. */
const batchOperationsMax = 500;
const batchBytesMax = 1024 * 1024;
/** Only what LevelDB notes as applied is missed when it is not in the log any more. */
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
  /** On their way, oldest first. */
  const leaving = new Set<ReadonlyMap<string, StoreOperation>>();
  let written = Promise.resolve();

  function write(operations: Iterable<StoreOperation>, options: { sync: boolean }): Promise<void> {
    inFlight++;
    written = written
      .then(() => level.write(operations, options))
      .catch((error: unknown) => {
        failure = { error };
      })
      .finally(() => inFlight--);
    return written;
  }

  function check(): void {
    if (failure) throw failure.error;
  }

  function writeGathered(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const operations = gathered;
    gathered = new Map();
    bytes = 0;
    const state = stateAt(last);
    operations.set('', state);
    leaving.add(operations);
    // After a failure nothing is read any more: the store is opened again.
    return write(operations.values(), { sync: false }).finally(() => leaving.delete(operations));
  }

  const isFull = (): boolean => gathered.size >= batchOperationsMax || bytes >= batchBytesMax;

  function writeIfFull(): void {
    if (isFull() && inFlight === 0) void writeGathered();
  }

  async function settle(): Promise<void> {
    if (gathered.size > 0) void writeGathered();
    await written;
    check();
  }

  return {
    async untilRoom() {
      check();
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
      for (const operations of leaving) found = operations.get(text) ?? found;
      return gathered.get(text) ?? found;
    },
    settle,
    async write(operations, options) {
      await write(operations, options);
      check();
    },
  };
}
