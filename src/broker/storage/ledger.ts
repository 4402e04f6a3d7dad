// The embedded broker's groups: changes of commands are gathered and written together, synced once, and their replies are sent
// after that. While one group is being synced the next one gathers, so the slower the disk the larger the groups.
import type { Store, StoreOperation } from './store.ts';

export type GroupOutcome = 'stored' | 'unknown' | 'not stored';

export interface GroupListener {
  /** Called once after the end of each group that it joined; on failure `detail` says why. */
  settle(group: number, outcome: GroupOutcome, detail: string): void;
}

export interface Ledger {
  put(key: Buffer, value: Buffer): void;
  del(key: Buffer): void;
  /** Marks the group as changed: the option `finish` will add about `size` bytes to it. */
  touch(size: number): void;
  /** Called after the input of this turn of the event loop: the group is written now, or after the write in flight. */
  flush(): void;
  /** Returns the number of the gathering group and tells `listener` its end; returns 0, and tells nothing, when nothing has changed. */
  join(listener: GroupListener): number;
  /** Returns true when the gathering group has no room, and then tells `listener` its end. */
  joinIfFull(listener: GroupListener): boolean;
  /** Why nothing can be written now, or undefined. */
  failure(): string | undefined;
  /** Waits for the write in flight, then refuses the group that gathers. All else is refused, too, until `mend`. */
  breakDown(detail: string): Promise<void>;
  mend(): void;
  /** Resolves when nothing gathers and nothing is in flight. */
  drain(): Promise<void>;
}

interface LedgerOptions {
  store: Store;
  groupBytesMax: number;
  /** Called right before each write: puts changes that are written once per group. */
  finish: () => void;
  onCommitted: () => void;
  /** Called after each write, successful or not, with its time and its size in bytes. */
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
  #failure: string | undefined;

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
    if (this.#isScheduled || this.#inFlight || this.#failure !== undefined) return;
    this.#isScheduled = true;
    // After the input of this turn of the event loop: all its changes are one group.
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  flush(): void {
    if (!this.#inFlight && this.#failure === undefined) this.#write();
  }

  join(listener: GroupListener): number {
    if (!this.#gathering.hasChanged) return 0;
    this.#gathering.listeners.add(listener);
    // No write is in flight whose end would refuse this change, so it is refused here.
    if (this.#failure !== undefined && !this.#inFlight) queueMicrotask(() => this.#refuseGathered());
    return this.#gathering.number;
  }

  joinIfFull(listener: GroupListener): boolean {
    if (this.#gathering.bytes < this.#options.groupBytesMax) return false;
    this.#gathering.listeners.add(listener);
    return true;
  }

  failure(): string | undefined {
    return this.#failure;
  }

  async breakDown(detail: string): Promise<void> {
    this.#failure ??= detail;
    await this.#inFlight;
    this.#refuseGathered();
  }

  mend(): void {
    // Changes made by timers since the failure are refused: the state that they changed was thrown away.
    this.#refuseGathered();
    this.#failure = undefined;
  }

  async drain(): Promise<void> {
    while (this.#failure === undefined && (this.#inFlight || this.#isScheduled || this.#gathering.hasChanged)) {
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
    if (this.#failure !== undefined) this.#refuseGathered();
  }

  #failed(group: Group, error: unknown): void {
    this.#inFlight = undefined;
    const detail = messageOf(error);
    this.#failure ??= detail;
    settle(group, 'unknown', detail);
    this.#refuseGathered();
    this.#options.onFailed(error);
  }

  /** The group was never given to the store, so it is certainly not stored. */
  #refuseGathered(): void {
    settle(this.#beginNext(), 'not stored', this.#failure ?? '');
  }
}

function settle({ number, listeners }: Group, outcome: GroupOutcome, detail: string): void {
  for (const listener of listeners) listener.settle(number, outcome, detail);
}

export const createLedger = (options: LedgerOptions): Ledger => new GroupLedger(options);
