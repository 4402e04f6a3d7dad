// A store of keys that remembers, and logs, whether it answered the last call.
import type { KeyStore } from '../domain/keys.ts';
import { createTrouble, type RedisLog } from '../results/redis-connection.ts';

export interface MeasuredKeys extends KeyStore {
  /** Whether the store replied to the last call; undefined before the first. */
  readonly isUp: boolean | undefined;
}

export function measureKeys(keys: KeyStore, log: RedisLog): MeasuredKeys {
  let isUp: boolean | undefined;
  const trouble = createTrouble(log, 'the store of keys takes no keys', 'the store of keys takes keys again', {
    store: 'keys',
  });

  function noteReply(): void {
    isUp = true;
    trouble.ended();
  }

  async function seen<Value>(call: Promise<Value>): Promise<Value> {
    try {
      const value = await call;
      noteReply();
      return value;
    } catch (error) {
      isUp = false;
      trouble.began(error as Error);
      throw error;
    }
  }

  return {
    get isUp() {
      return isUp;
    },
    get durability() {
      return keys.durability;
    },
    claim(claims) {
      const verdicts = keys.claim(claims);
      if (verdicts instanceof Promise) return seen(verdicts);
      noteReply();
      return verdicts;
    },
    attach: (claim, jobs, responseOf) => keys.attach(claim, jobs, responseOf),
    settle: (settlements) => keys.settle(settlements),
    check: () => seen(keys.check()),
    close: () => keys.close(),
  };
}
