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

/** The changes that one write makes, and who waits for it. */
interface Group {
  readonly number: number;
  readonly operations: StoreOperation[];
  readonly listeners: Set<GroupListener>;
  bytes: number;
  /** `finish` may have something to put although there are no operations yet. */
  hasChanged: boolean;
}

const createGroup = (number: number): Group => ({
  number,
  operations: [],
  listeners: new Set(),
  bytes: 0,
  hasChanged: false,
});

class GroupLedger implements Ledger {
  readonly #options: LedgerOptions;
  #gathering = createGroup(1);
  #inFlight: Promise<void> | undefined;
  #isScheduled = false;
  #broken: string | undefined;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  put(key: Buffer, value: Buffer): void {
    this.#gathering.operations.push({ type: 'put', key, value });
    this.touch(value.length);
  }

  del(key: Buffer): void {
    this.#gathering.operations.push({ type: 'del', key });
    this.touch(key.length);
  }

  touch(size: number): void {
    this.#gathering.bytes += size;
    this.#gathering.hasChanged = true;
    if (this.#isScheduled || this.#inFlight || this.#broken !== undefined) return;
    this.#isScheduled = true;
    // After the input of this turn of the event loop has been handled: all of it is one group.
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  flush(): void {
    if (!this.#inFlight && this.#broken === undefined) this.#write();
  }

  join(listener: GroupListener): number {
    if (!this.#gathering.hasChanged) return 0;
    this.#gathering.listeners.add(listener);
    // A change made while the store is broken is refused together with the others, or alone after them.
    if (this.#broken !== undefined && !this.#inFlight) queueMicrotask(() => this.#refuseGathered());
    return this.#gathering.number;
  }

  isFull(listener: GroupListener): boolean {
    if (this.#gathering.bytes < this.#options.groupBytesMax) return false;
    this.#gathering.listeners.add(listener);
    return true;
  }

  broken(): string | undefined {
    return this.#broken;
  }

  async breakDown(detail: string): Promise<void> {
    this.#broken ??= detail;
    await this.#inFlight;
    this.#refuseGathered();
  }

  mend(): void {
    // Timers may have gone on: what they changed was in memory that is thrown away.
    this.#refuseGathered();
    this.#broken = undefined;
  }

  async drain(): Promise<void> {
    while (this.#broken === undefined && (this.#inFlight || this.#isScheduled || this.#gathering.hasChanged)) {
      await (this.#inFlight ?? new Promise((resolve) => setImmediate(resolve)));
    }
  }

  #write(): void {
    if (!this.#gathering.hasChanged) return;
    const { store, finish, onGroup } = this.#options;
    finish();
    const group = this.#beginNext();
    const startMs = performance.now();
    this.#inFlight = store
      .write(group.operations)
      .finally(() => onGroup?.(performance.now() - startMs, group.bytes))
      .then(
        () => this.#stored(group),
        (error: unknown) => this.#failed(group, error),
      );
  }

  /** Returns the group that gathered until now. */
  #beginNext(): Group {
    const group = this.#gathering;
    this.#gathering = createGroup(group.number + 1);
    return group;
  }

  #stored(group: Group): void {
    this.#inFlight = undefined;
    this.#options.onCommitted();
    // The next sync starts before these replies are written: the disk is the slower part.
    this.flush();
    settle(group, 'stored', '');
    if (this.#broken !== undefined) this.#refuseGathered();
  }

  #failed(group: Group, error: unknown): void {
    this.#inFlight = undefined;
    const detail = messageOf(error);
    this.#broken ??= detail;
    settle(group, 'unknown', detail);
    this.#refuseGathered();
    this.#options.onFailed(error);
  }

  /** Never given to the store, so certainly not stored. */
  #refuseGathered(): void {
    settle(this.#beginNext(), 'not stored', this.#broken ?? '');
  }
}

function settle({ number, listeners }: Group, outcome: GroupOutcome, detail: string): void {
  for (const listener of listeners) listener.settle(number, outcome, detail);
}

export const createLedger = (options: LedgerOptions): Ledger => new GroupLedger(options);
