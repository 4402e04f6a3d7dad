// Runs a fetched job: in this process, in a handler process, or not at all.
import type { JobRegistry, JobType } from '../domain/job-type.ts';
import type { Clock } from '../domain/clock.ts';
import type { ResultStore } from '../domain/results.ts';
import type { Handlers } from '../handlers/handlers.ts';
import { createBeginnings, hasWaited } from './beginnings.ts';
import { isExpired, parseJob, type FetchedJob } from './fetched-job.ts';
import { createHandlerJobs } from './handler-jobs.ts';
import {
  createCancelledEnd,
  createExpiredEnd,
  createInlineEnd,
  createNotBegunEnd,
  createUnknownEnd,
  type EndedRun,
} from './ended-run.ts';
import type { WorkerLog } from './job-log.ts';

export interface JobRunsOptions {
  registry: JobRegistry;
  handlers: Handlers | undefined;
  results: ResultStore | undefined;
  clock: Clock;
  /** See JobSource. */
  takesBack: () => boolean;
  onEnd: (end: EndedRun, seconds: number) => void;
  /** Called when a job begins to run. */
  onStart?: ((job: FetchedJob) => void) | undefined;
  log: WorkerLog;
}

export interface JobRuns {
  /** Jobs in handler processes, and jobs for which the store is still asked whether they may run. */
  readonly size: number;
  /** Takes the text of a fetched job. */
  take(text: string): void;
  /** Called when all jobs of this turn were taken. */
  flush(): void;
  /** No job begins after this call. */
  close(): void;
}

export function createJobRuns(options: JobRunsOptions): JobRuns {
  const { registry, handlers, results, clock, takesBack, onEnd, onStart, log } = options;
  const beginnings = results && createBeginnings({ results, clock, log });
  const runHandlerJob = handlers && createHandlerJobs({ handlers, clock, results, onEnd });

  function run(job: FetchedJob, text: string, type: JobType): void {
    const startedMs = clock.now();
    if (isExpired(job, Date.now())) return onEnd(createExpiredEnd(job, type.name, {}), 0);
    onStart?.(job);
    if (type.runs === 'in handler process' && runHandlerJob) return runHandlerJob(job, text, type);
    const end = type.runInline
      ? createInlineEnd(job, type.name, type.runInline(Array.isArray(job.args) ? job.args[0] : undefined))
      : createUnknownEnd(job);
    onEnd(end, (clock.now() - startedMs) / 1000);
  }

  return {
    get size() {
      return (handlers?.running ?? 0) + (beginnings?.size ?? 0);
    },
    take(text) {
      const job = parseJob(text);
      if (job === undefined) return log.error('the broker sent something that is no job');
      const type = registry.byJobtype(job.jobtype);
      if (type === undefined) return onEnd(createUnknownEnd(job), 0);
      if (beginnings === undefined || !hasWaited(job)) return run(job, text, type);
      beginnings.add({
        job,
        operation: type.name,
        onBegun: () => run(job, text, type),
        onCancelled: () => onEnd(createCancelledEnd(job, type.name), 0),
        onGivenUp: () => onEnd(createNotBegunEnd(job, type.name, takesBack()), 0),
      });
    },
    flush: () => beginnings?.flush(),
    close: () => beginnings?.close(),
  };
}
