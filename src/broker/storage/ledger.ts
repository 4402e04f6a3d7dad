// Group commit: changes of commands are gathered and written as one synced batch, and their replies are sent after that. While one
// batch is being synced the next one gathers, so the slower the disk the larger the groups.
import type { Store, StoreOperation } from './store.ts';

export type GroupOutcome = 'stored' | 'unknown' | 'not stored';

export interface GroupListener {
  /** Called once after the end of each group that it joined; on failure `detail` says why. */
  settle(group: number, outcome: GroupOutcome, detail: string): void;
}

export interface Ledger {
  put(key: Buffer, value: Buffer): void;
  del(key: Buffer): void;
  /** Something has changed that `finish` will put; `size` in bytes. */
  touch(size: number): void;
  /** The input of this turn of the event loop has been handled: what gathers is written as soon as nothing is in flight. */
  flush(): void;
  /** The group that gathers now, and `listener` hears of its end; 0 when nothing has changed since the last one. */
  join(listener: GroupListener): number;
  /** True while the gathering group has no room; `listener` hears of its end. */
  isFull(listener: GroupListener): boolean;
  /** Why nothing can be written now, or undefined. */
  broken(): string | undefined;
  /** Refuses what gathers, waits for the write in flight, and stays broken until `mend`. */
  breakDown(detail: string): Promise<void>;
  mend(): void;
  /** Resolves when nothing gathers and nothing is in flight. */
  drain(): Promise<void>;
}

interface LedgerOptions {
  store: Store;
  groupBytesMax: number;
  /** Puts what must be written once per group; called right before each write. */
  finish: () => void;
  onCommitted: () => void;
  /** A group was synced, or was not; with its time and its size in bytes. */
  onGroup?: ((ms: number, bytes: number) => void) | undefined;
  onFailed: (error: unknown) => void;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export function createLedger(options: LedgerOptions): Ledger {
  let operations: StoreOperation[] = [];
  let bytes = 0;
  let changed = false;
  let group = 1;
  let listeners = new Set<GroupListener>();
  let inFlight: Promise<void> | undefined;
  let scheduled = false;
  let broken: string | undefined;

  function touch(size: number): void {
    bytes += size;
    changed = true;
    if (scheduled || inFlight || broken !== undefined) return;
    scheduled = true;
    // After the input of this turn of the event loop has been handled: all of it is one group.
    setImmediate(() => {
      scheduled = false;
      if (!inFlight && broken === undefined) write();
    });
  }

  function write(): void {
    if (!changed) return;
    options.finish();
    const batch = operations;
    const waiting = listeners;
    const written = group++;
    const size = bytes;
    const startMs = performance.now();
    reset();
    inFlight = options.store
      .write(batch)
      .finally(() => options.onGroup?.(performance.now() - startMs, size))
      .then(
        () => end(waiting, written, 'stored', ''),
        (error: unknown) => end(waiting, written, 'unknown', messageOf(error), error),
      );
  }

  function reset(): void {
    operations = [];
    listeners = new Set();
    bytes = 0;
    changed = false;
  }

  function end(
    waiting: Set<GroupListener>,
    ended: number,
    outcome: GroupOutcome,
    detail: string,
    error?: unknown,
  ): void {
    inFlight = undefined;
    if (outcome === 'stored') {
      options.onCommitted();
      // The next sync starts before these replies are written: the disk is the slower part.
      if (broken === undefined) write();
    } else {
      broken ??= detail;
    }
    for (const listener of waiting) listener.settle(ended, outcome, detail);
    if (broken !== undefined) refuseGathered();
    if (outcome === 'unknown') options.onFailed(error);
  }

  /** Never given to the store, so certainly not stored. */
  function refuseGathered(): void {
    const waiting = listeners;
    const refused = group++;
    reset();
    for (const listener of waiting) listener.settle(refused, 'not stored', broken ?? '');
  }

  return {
    put(key, value) {
      operations.push({ type: 'put', key, value });
      touch(value.length);
    },
    del(key) {
      operations.push({ type: 'del', key });
      touch(key.length);
    },
    touch,
    flush() {
      if (!inFlight && broken === undefined) write();
    },
    join(listener) {
      if (!changed) return 0;
      listeners.add(listener);
      // A change made while the store is broken is refused together with the others, or alone after them.
      if (broken !== undefined && !inFlight) queueMicrotask(refuseGathered);
      return group;
    },
    isFull(listener) {
      if (bytes < options.groupBytesMax) return false;
      listeners.add(listener);
      return true;
    },
    broken: () => broken,
    async breakDown(detail) {
      broken ??= detail;
      await inFlight;
      refuseGathered();
    },
    mend() {
      // Timers may have gone on: what they changed was in memory that is thrown away.
      refuseGathered();
      broken = undefined;
    },
    async drain() {
      while (broken === undefined && (inFlight || scheduled || changed)) {
        await (inFlight ?? new Promise((resolve) => setImmediate(resolve)));
      }
    },
  };
}
