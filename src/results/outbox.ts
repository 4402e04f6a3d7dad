// Items on their way to Redis. No caller waits for them. Items that Redis did not take are kept here, up to a limit, and sent
// again.
import type { Redis } from 'ioredis';
import type { Clock, Timer } from '../domain/clock.ts';
import type { Trouble } from './redis-connection.ts';

export interface OutboxOptions<Item> {
  /** Sends them with one command, which may arrive twice. */
  send: (items: readonly Item[]) => Promise<unknown>;
  /** A later item of the same name replaces an earlier one. */
  nameOf: (item: Item) => string;
  /** Beyond the limit the oldest items are forgotten. */
  itemsMax: number;
  redis: Pick<Redis, 'status'>;
  /** Begins when Redis refuses items, ends when it has taken all. */
  trouble: Trouble;
  clock: Clock;
}

export interface Outbox<Item> {
  /** Undefined once Redis has taken the item. */
  get(name: string): Item | undefined;
  /** Resolves after the first try, whether Redis took the items or not. */
  send(items: readonly Item[]): Promise<void>;
  close(): void;
}

const retryMs = 1000;
/** Items of one retried command. */
const groupMax = 500;

export function createOutbox<Item>(options: OutboxOptions<Item>): Outbox<Item> {
  const { send, nameOf, itemsMax, redis, trouble, clock } = options;
  /** The oldest first. */
  const kept = new Map<string, Item>();
  /** The names of the kept items that no command carries now. */
  const waiting = new Set<string>();
  let timer: Timer | undefined;
  let isClosed = false;

  function forget(name: string): void {
    kept.delete(name);
    waiting.delete(name);
  }

  function keep(items: readonly Item[]): void {
    for (const item of items) {
      const name = nameOf(item);
      forget(name);
      kept.set(name, item);
    }
    for (const name of kept.keys()) {
      if (kept.size <= itemsMax) break;
      forget(name);
    }
  }

  const isReady = (): boolean => redis.status === 'ready';
  const isKept = (item: Item): boolean => kept.get(nameOf(item)) === item;

  function wait(items: readonly Item[]): void {
    for (const item of items) if (isKept(item)) waiting.add(nameOf(item));
    if (!isClosed && waiting.size > 0) timer ??= clock.after(retryMs, () => void retry());
  }

  async function trySend(items: readonly Item[]): Promise<boolean> {
    try {
      await send(items);
    } catch (error) {
      trouble.began(error as Error);
      wait(items);
      return false;
    }
    for (const item of items) if (isKept(item)) forget(nameOf(item));
    if (waiting.size === 0) trouble.ended();
    return true;
  }

  function takeGroup(): Item[] {
    const group: Item[] = [];
    for (const name of waiting) {
      if (group.length === groupMax) break;
      waiting.delete(name);
      group.push(kept.get(name) as Item);
    }
    return group;
  }

  async function retry(): Promise<void> {
    let isTaken = isReady();
    while (isTaken && waiting.size > 0) isTaken = await trySend(takeGroup());
    timer = undefined;
    wait([]);
  }

  return {
    get: (name) => kept.get(name),
    async send(items) {
      if (items.length === 0) return;
      keep(items);
      if (isReady()) await trySend(items);
      else wait(items);
    },
    close() {
      isClosed = true;
      timer?.cancel();
    },
  };
}
