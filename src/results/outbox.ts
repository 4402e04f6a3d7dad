// Items on their way to Redis. No caller waits for them. Items that Redis did not take are kept here, up to a limit, and sent
// again.
import type { Redis } from 'ioredis';
import type { Clock, Timer } from '../domain/clock.ts';
import type { OutageLog } from './redis-connection.ts';

export interface OutboxOptions<Item> {
  /** Sends the items in a single command. Redis may get the command twice. */
  send: (items: readonly Item[]) => Promise<unknown>;
  /** A later item of the same name replaces an earlier one. */
  nameOf: (item: Item) => string;
  /** Beyond the limit the oldest items are forgotten. */
  itemsMax: number;
  redis: Pick<Redis, 'status'>;
  /** Begins when Redis refuses items, ends when it has taken all. */
  outage: OutageLog;
  clock: Clock;
}

const retryMs = 1000;
/** Items of one retried command. */
const groupMax = 500;

export class Outbox<Item> {
  readonly #options: OutboxOptions<Item>;
  /** The oldest first. */
  readonly #kept = new Map<string, Item>();
  /** The names of the kept items that no command carries now. */
  readonly #waiting = new Set<string>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: OutboxOptions<Item>) {
    this.#options = options;
  }

  /** Undefined once Redis has taken the item. */
  get(name: string): Item | undefined {
    return this.#kept.get(name);
  }

  /** Resolves after the first try, whether Redis took the items or not. */
  async send(items: readonly Item[]): Promise<void> {
    if (items.length === 0) return;
    this.#keep(items);
    if (this.#isReady()) await this.#trySend(items);
    else this.#wait(items);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #isReady(): boolean {
    return this.#options.redis.status === 'ready';
  }

  #isKept(item: Item): boolean {
    return this.#kept.get(this.#options.nameOf(item)) === item;
  }

  #keep(items: readonly Item[]): void {
    const { nameOf, itemsMax } = this.#options;
    for (const item of items) {
      this.#forget(nameOf(item));
      this.#kept.set(nameOf(item), item);
    }
    for (const name of this.#kept.keys()) {
      if (this.#kept.size <= itemsMax) break;
      this.#forget(name);
    }
  }

  #forget(name: string): void {
    this.#kept.delete(name);
    this.#waiting.delete(name);
  }

  #wait(items: readonly Item[]): void {
    const { nameOf, clock } = this.#options;
    for (const item of items) if (this.#isKept(item)) this.#waiting.add(nameOf(item));
    if (!this.#isClosed && this.#waiting.size > 0) this.#timer ??= clock.after(retryMs, () => void this.#retry());
  }

  async #trySend(items: readonly Item[]): Promise<boolean> {
    const { send, nameOf, outage } = this.#options;
    try {
      await send(items);
    } catch (error) {
      outage.began(error as Error);
      this.#wait(items);
      return false;
    }
    for (const item of items) if (this.#isKept(item)) this.#forget(nameOf(item));
    if (this.#waiting.size === 0) outage.ended();
    return true;
  }

  async #retry(): Promise<void> {
    let isTaken = this.#isReady();
    while (isTaken && this.#waiting.size > 0) isTaken = await this.#trySend(this.#takeGroup());
    this.#timer = undefined;
    this.#wait([]);
  }

  #takeGroup(): Item[] {
    const group: Item[] = [];
    for (const name of this.#waiting) {
      if (group.length === groupMax) break;
      this.#waiting.delete(name);
      group.push(this.#kept.get(name) as Item);
    }
    return group;
  }
}
