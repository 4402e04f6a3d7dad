// The embedded broker's groups: changes of commands are gathered and written together, synced once, and their replies are sent
// after that. While groups are being synced the next one gathers, so the slower the disk the larger the groups.
import { writesMax, type Store, type StoreOperation } from './store.ts';

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
  /** Called after the input of this turn of the event loop: the group is written now, or after a write in flight. */
  flush(): void;
  /** Returns the number of the gathering group and tells `listener` its end; returns 0, and tells nothing, when nothing has changed. */
  join(listener: GroupListener): number;
  /** Returns true when the gathering group has no room, and then tells `listener` its end. */
  joinIfFull(listener: GroupListener): boolean;
  /** Why nothing can be written now, or undefined. */
  failure(): string | undefined;
  /** Waits for the writes in flight, then refuses the group that gathers. All else is refused, too, until `mend`. */
  breakDown(detail: string): Promise<void>;
  mend(): void;
  /** Resolves when nothing gathers and nothing is in flight. */
  drain(): Promise<void>;
}

interface LedgerOptions {
  store: Store;
  groupBytesMax: number;
  /**
   * Called right before each write: puts changes that are written once per group. Returns a function that is called when the
   * group is stored.
   */
  finish: () => () => void;
  /** Called after each write, successful or not, with its time and its size in bytes. */
  onGroup?: ((ms: number, bytes: number) => void) | undefined;
  /** Called with the first failure; no group is written after it, until `mend`. */
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

interface Write {
  /** The bytes of the gathered changes, without the changes of `finish`. */
  readonly bytes: number;
  /** Never rejects. */
  readonly ended: Promise<void>;
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
  /** The writes in flight, oldest first. They end in this order. */
  readonly #inFlight: Write[] = [];
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
    if (this.#isScheduled || this.#failure !== undefined || !this.#hasTurn()) return;
    this.#isScheduled = true;
    // After the input of this turn of the event loop: all its changes are one group.
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#gathering.hasChanged && this.#failure === undefined && this.#hasTurn()) this.#write();
  }

  join(listener: GroupListener): number {
    if (!this.#gathering.hasChanged) return 0;
    this.#gathering.listeners.add(listener);
    // No write is in flight whose end would refuse this change, so it is refused here.
    if (this.#failure !== undefined && this.#inFlight.length === 0) queueMicrotask(() => this.#refuseGathered());
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
    await this.#inFlight.at(-1)?.ended;
    this.#refuseGathered();
  }

  mend(): void {
    // Changes made by timers since the failure are refused: the state that they changed was thrown away.
    this.#refuseGathered();
    this.#failure = undefined;
  }

  async drain(): Promise<void> {
    while (this.#failure === undefined && (this.#inFlight.length > 0 || this.#gathering.hasChanged)) {
      await (this.#inFlight.at(-1)?.ended ?? new Promise((resolve) => setImmediate(resolve)));
    }
  }

  /** True when no group is in flight, or a single group that is not larger than the gathering group: many callers then make few groups. */
  #hasTurn(): boolean {
    const [write] = this.#inFlight;
    return write === undefined || (this.#inFlight.length < writesMax && this.#gathering.bytes >= write.bytes);
  }

  #write(): void {
    const { store, finish, onGroup } = this.#options;
    const { bytes } = this.#gathering;
    const onStored = finish();
    const group = this.#beginNext();
    const startMs = performance.now();
    const ended = store
      .write(group.operations)
      .finally(() => {
        this.#inFlight.shift();
        onGroup?.(performance.now() - startMs, group.bytes);
      })
      .then(
        () => this.#stored(group, onStored),
        (error: unknown) => this.#failed(group, error),
      );
    this.#inFlight.push({ bytes, ended });
  }

  /** Returns the group that gathered until now. */
  #beginNext(): Group {
    const group = this.#gathering;
    this.#gathering = createGroup(group.number + 1);
    return group;
  }

  #stored(group: Group, onStored: () => void): void {
    onStored();
    // The next sync starts before these replies are written: the disk is the slower part.
    this.flush();
    settle(group, 'stored', '');
    this.#refuseAfterFailure();
  }

  #failed(group: Group, error: unknown): void {
    const isFirst = this.#failure === undefined;
    const detail = messageOf(error);
    this.#failure ??= detail;
    settle(group, 'unknown', detail);
    this.#refuseAfterFailure();
    if (isFirst) this.#options.onFailed(error);
  }

  /** Groups end in order: the gathering group is refused after the writes in flight. */
  #refuseAfterFailure(): void {
    if (this.#failure !== undefined && this.#inFlight.length === 0) this.#refuseGathered();
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
