// The stores of results and of keys.
import type { Registry } from 'prom-client';
import { secondsBuckets } from './http.ts';
import { readBy } from './read.ts';
import { createCounter, createHistogram, type Count } from './tally.ts';
import type { TickOutcome } from '../domain/cron.ts';
import { keyOutcomes, type KeyOutcome } from '../domain/keys.ts';

export type ResultOperation = 'get' | 'put' | 'cancel' | 'check';

export interface StoreMetrics {
  /** One key that came with a request or an entry. */
  key(outcome: KeyOutcome): void;
  /** Shows all outcomes of keys with 0 before the first key: Prometheus sees no increase when a series begins above 0. */
  knowKeys(): void;
  /** One tick of a schedule, by its outcome in this process. */
  tick(operation: string, outcome: TickOutcome): void;
  /** One call to the store of results. */
  resultCall(operation: ResultOperation, seconds: number, hasReplied: boolean): void;
  /** Sets the function that says whether each store replied to its last call; undefined before the first. The last one set counts. */
  readStores(read: () => { results: boolean | undefined; keys: boolean | undefined }): void;
}

export function createStoreMetrics(registry: Registry): StoreMetrics {
  const keys = createCounter({
    registry,
    name: 'work_factory_keys_total',
    help: 'Keys that came with requests and entries, by what the store knew of them.',
    labelNames: ['outcome'],
  });
  const ticks = createCounter({
    registry,
    name: 'work_factory_cron_ticks_total',
    help: 'Ticks of schedules, by their outcome in this process. Of several processes one enqueues a tick; for the others it is replayed.',
    labelNames: ['operation', 'outcome'],
  });
  const calls = createHistogram({
    registry,
    name: 'work_factory_results_call_duration_seconds',
    help: 'Calls to the store of results; failed: it gave no reply, or refused.',
    labelNames: ['operation', 'outcome'],
    buckets: secondsBuckets,
  });
  let stores: Parameters<StoreMetrics['readStores']>[0] | undefined;
  const ofUp = {
    registry,
    name: 'work_factory_store_up',
    help: '1 while the store of results, or of keys, answers, as far as this process has asked it.',
    labelNames: ['store'] as const,
    aggregator: 'min' as const,
  };
  const number = (isUp: boolean | undefined): number | undefined => (isUp === undefined ? undefined : Number(isUp));
  readBy(ofUp, 'gauge', () => {
    const now = stores?.();
    return now && { results: number(now.results), keys: number(now.keys) };
  });
  const keyCounts: Partial<Record<KeyOutcome, Count>> = {};
  return {
    key: (outcome) => void (keyCounts[outcome] ??= keys({ outcome })).count++,
    knowKeys: () => keyOutcomes.forEach((outcome) => keys({ outcome })),
    tick: (operation, outcome) => void ticks({ operation, outcome }).count++,
    resultCall: (operation, seconds, hasReplied) =>
      calls({ operation, outcome: hasReplied ? 'ok' : 'failed' })(seconds),
    readStores: (read) => void (stores = read),
  };
}
