// Settlements that a store did not take are kept here, up to a limit, and sent again until it takes them. Nobody waits for that.
import type { Clock, Timer } from '../domain/clock.ts';
import type { RedisLog } from '../results/redis-connection.ts';

export interface UntoldOptions<Item> {
  tell: (items: readonly Item[]) => Promise<unknown>;
  /** False while telling is known to be in vain. */
  isReady: () => boolean;
  /** A later item of the same name replaces an earlier one. */
  nameOf: (item: Item) => string;
  clock: Clock;
  log: RedisLog;
}

export interface Untold<Item> {
  /** Resolves after the first try. */
  tell(items: readonly Item[]): Promise<void>;
  close(): void;
}

/** About 20 MB. Items beyond the limit are dropped: a claim that nobody settles becomes unknown. */
const itemsMax = 20_000;
const retryMs = 1000;
const retryGroupMax = 500;

export function createUntold<Item>({ tell, isReady, nameOf, clock, log }: UntoldOptions<Item>): Untold<Item> {
  const left = new Map<string, Item>();
  let timer: Timer | undefined;
  let isClosed = false;
  let isLogged = false;

  function leave(items: readonly Item[], error: Error): void {
    if (!isLogged)
      log.warn({ error: error.message }, 'the store of keys did not take some outcomes: they are sent again');
    isLogged = true;
    for (const item of items) if (left.size < itemsMax) left.set(nameOf(item), item);
    if (!isClosed) timer ??= clock.after(retryMs, () => void retry());
  }

  async function tryAll(items: readonly Item[]): Promise<boolean> {
    try {
      await tell(items);
      return true;
    } catch (error) {
      leave(items, error as Error);
      return false;
    }
  }

  async function retry(): Promise<void> {
    let isTaken = isReady();
    while (isTaken && left.size > 0) {
      const group = [...left.entries()].slice(0, retryGroupMax);
      for (const [name] of group) left.delete(name);
      isTaken = await tryAll(group.map(([, item]) => item));
    }
    timer = undefined;
    if (left.size > 0 && !isClosed) timer = clock.after(retryMs, () => void retry());
    else if (isLogged) {
      log.info({}, 'the store of keys has taken all outcomes');
      isLogged = false;
    }
  }

  return {
    async tell(items) {
      if (items.length === 0) return;
      for (const item of items) left.delete(nameOf(item));
      await tryAll(items);
    },
    close() {
      isClosed = true;
      timer?.cancel();
    },
  };
}
