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
    const counts = new Map<string, { operation: OperationName; outcome: Fate['outcome']; jobs: number }>();
    fates.forEach(({ outcome }, index) => {
      const { operation } = jobs[index] as Job;
      const key = `${operation} ${outcome}`;
      const entry = counts.get(key);
      if (entry) entry.jobs++;
      else counts.set(key, { operation, outcome, jobs: 1 });
    });
    for (const entry of counts.values()) count(entry.operation, entry.outcome, entry.jobs);
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
