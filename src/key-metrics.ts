// The metrics of what is done once, keys of requests and entries and ticks: a part of metrics.ts.
import { Counter, type Registry } from 'prom-client';
import type { TickOutcome } from './domain/cron.ts';
import type { KeyOutcome } from './domain/keys.ts';

export interface KeyMetrics {
  /** One key that came with a request or an entry. */
  key(outcome: KeyOutcome): void;
  /** One tick of a schedule, and what became of it in this process. */
  tick(operation: string, outcome: TickOutcome): void;
}

export function createKeyMetrics(registers: Registry[]): KeyMetrics {
  const keys = new Counter({
    name: 'work_factory_keys_total',
    help: 'Keys that came with requests and entries, by what they met.',
    labelNames: ['outcome'],
    registers,
  });
  const ticks = new Counter({
    name: 'work_factory_cron_ticks_total',
    help: 'Ticks of schedules, by what became of them in this process; of several one has it enqueued, the others replayed.',
    labelNames: ['operation', 'outcome'],
    registers,
  });
  return {
    key: (outcome) => keys.inc({ outcome }),
    tick: (operation, outcome) => ticks.inc({ operation, outcome }),
  };
}
