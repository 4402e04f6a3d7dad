// Counts what became of every job, and changes nothing.
import type { Job } from '../domain/job.ts';
import type { OperationName } from '../domain/operations.ts';
import type { Fate, JobProducer } from '../domain/producer.ts';

export interface MeasuredOptions {
  next: JobProducer;
  count: (operation: OperationName, outcome: Fate['outcome'], jobs: number) => void;
}

export function createMeasured({ next, count }: MeasuredOptions): JobProducer {
  function countAll(jobs: readonly Job[], fates: readonly Fate[]): void {
    const counts = new Map<OperationName, Map<Fate['outcome'], number>>();
    for (const [index, { outcome }] of fates.entries()) {
      const { operation } = jobs[index] as Job;
      const outcomes = counts.get(operation) ?? new Map<Fate['outcome'], number>();
      counts.set(operation, outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1));
    }
    for (const [operation, outcomes] of counts) {
      for (const [outcome, number] of outcomes) count(operation, outcome, number);
    }
  }

  return {
    async push(job, deadlineMs) {
      const fate = await next.push(job, deadlineMs);
      count(job.operation, fate.outcome, 1);
      return fate;
    },
    async pushBulk(jobs, deadlineMs) {
      const fates = await next.pushBulk(jobs, deadlineMs);
      countAll(jobs, fates);
      return fates;
    },
    ping: () => next.ping(),
    close: () => next.close(),
  };
}
