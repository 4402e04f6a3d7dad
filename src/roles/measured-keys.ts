// A store of keys that knows whether it answered the last call.
import type { KeyStore } from '../domain/keys.ts';

export interface MeasuredKeys extends KeyStore {
  /** Whether the last call was answered; undefined before the first. */
  readonly isUp: boolean | undefined;
}

export function measureKeys(keys: KeyStore): MeasuredKeys {
  let isUp: boolean | undefined;

  async function seen<Value>(call: Promise<Value>): Promise<Value> {
    let isAnswered = false;
    try {
      const value = await call;
      isAnswered = true;
      return value;
    } finally {
      isUp = isAnswered;
    }
  }

  return {
    get isUp() {
      return isUp;
    },
    get durability() {
      return keys.durability;
    },
    claim: (claims) => seen(keys.claim(claims)),
    attach: (claim, jobs, answerOf) => keys.attach(claim, jobs, answerOf),
    settle: (settlements) => keys.settle(settlements),
    check: () => seen(keys.check()),
    close: () => keys.close(),
  };
}
