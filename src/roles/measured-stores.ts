// The stores of results and of keys, measured: each remembers, and logs, whether it answered the last call.
import type { Clock } from '../domain/clock.ts';
import type { KeyStore } from '../domain/keys.ts';
import type { ResultStore } from '../domain/results.ts';
import type { ResultOperation, StoreMetrics } from '../metrics/stores.ts';
import { createOutageLog, type RedisLog } from '../results/redis-connection.ts';

interface Measured {
  /** Whether the store replied to the last call; undefined before the first. */
  readonly isUp: boolean | undefined;
}

export type MeasuredResults = ResultStore & Measured;
export type MeasuredKeys = KeyStore & Measured;

/** Remembers how the last call ended, and logs when the store goes away and when it is back. */
function createReach(log: RedisLog, store: 'results' | 'keys', away: string, back: string) {
  const outage = createOutageLog(log, away, back, { store });
  const reach = {
    isUp: undefined as boolean | undefined,
    replied(): void {
      reach.isUp = true;
      outage.ended();
    },
    async watch<Value>(call: Promise<Value>): Promise<Value> {
      try {
        const value = await call;
        reach.replied();
        return value;
      } catch (error) {
        reach.isUp = false;
        outage.began(error as Error);
        throw error;
      }
    },
  };
  return reach;
}

export function measureResults(
  results: ResultStore,
  metrics: Pick<StoreMetrics, 'resultCall'>,
  clock: Clock,
  log: RedisLog,
): MeasuredResults {
  const [away, back] = ['the store of results does not answer', 'the store of results answers again'];
  const reach = createReach(log, 'results', away, back);

  async function measured<Value>(operation: ResultOperation, call: () => Promise<Value>): Promise<Value> {
    const startMs = clock.now();
    let hasReplied = false;
    try {
      const value = await reach.watch(call());
      hasReplied = true;
      return value;
    } finally {
      metrics.resultCall(operation, (clock.now() - startMs) / 1000, hasReplied);
    }
  }

  return {
    get isUp() {
      return reach.isUp;
    },
    get: (jid) => measured('get', () => results.get(jid)),
    // A wait is not measured: it takes as long as the job.
    wait: (jid, timeoutMs, signal) => results.wait(jid, timeoutMs, signal),
    put: (records) => measured('put', () => results.put(records)),
    cancel: (record) => measured('cancel', () => results.cancel(record)),
    check: () => measured('check', () => results.check()),
    remember: (jobs) => results.remember(jobs),
    close: () => results.close(),
  };
}

export function measureKeys(keys: KeyStore, log: RedisLog): MeasuredKeys {
  const reach = createReach(log, 'keys', 'the store of keys takes no keys', 'the store of keys takes keys again');
  return {
    get isUp() {
      return reach.isUp;
    },
    get durability() {
      return keys.durability;
    },
    claim(claims) {
      const verdicts = keys.claim(claims);
      if (verdicts instanceof Promise) return reach.watch(verdicts);
      reach.replied();
      return verdicts;
    },
    attach: (claim, jobs, responseOf) => keys.attach(claim, jobs, responseOf),
    settle: (settlements) => keys.settle(settlements),
    check: () => reach.watch(keys.check()),
    close: () => keys.close(),
  };
}
