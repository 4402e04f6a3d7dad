// A store of results that measures its calls, and that remembers, and logs, whether it answered the last call.
import type { Clock } from '../domain/clock.ts';
import type { ResultStore } from '../domain/results.ts';
import { createTrouble, type RedisLog } from '../results/redis-connection.ts';
import type { ResultOperation, StoreMetrics } from '../metrics/stores.ts';

export interface MeasuredResults extends ResultStore {
  /** Whether the store replied to the last call; undefined before the first. */
  readonly isUp: boolean | undefined;
}

export function measureResults(
  results: ResultStore,
  metrics: Pick<StoreMetrics, 'resultCall'>,
  clock: Clock,
  log: RedisLog,
): MeasuredResults {
  let isUp: boolean | undefined;
  const trouble = createTrouble(log, 'the store of results does not answer', 'the store of results answers again', {
    store: 'results',
  });

  async function measured<Value>(operation: ResultOperation, call: () => Promise<Value>): Promise<Value> {
    const startMs = clock.now();
    let hasReplied = false;
    try {
      const value = await call();
      hasReplied = true;
      trouble.ended();
      return value;
    } catch (error) {
      trouble.began(error as Error);
      throw error;
    } finally {
      isUp = hasReplied;
      metrics.resultCall(operation, (clock.now() - startMs) / 1000, hasReplied);
    }
  }

  return {
    get isUp() {
      return isUp;
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
