// The metric of keys of requests and entries: a part of metrics.ts.
import { Counter, type Registry } from 'prom-client';
import type { KeyOutcome } from './domain/keys.ts';

export interface KeyMetrics {
  /** One key that came with a request or an entry. */
  key(outcome: KeyOutcome): void;
}

export function createKeyMetrics(registers: Registry[]): KeyMetrics {
  const keys = new Counter({
    name: 'work_factory_keys_total',
    help: 'Keys that came with requests and entries, by what they met.',
    labelNames: ['outcome'],
    registers,
  });
  return { key: (outcome) => keys.inc({ outcome }) };
}
