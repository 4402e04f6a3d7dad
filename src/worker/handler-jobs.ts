// The jobs that run in handler processes: how long each may run, the start of its record, and its end.
import type { Clock } from '../domain/clock.ts';
import { reserveMarginSeconds, type JobType } from '../domain/job-type.ts';
import type { JobRecord, ResultStore } from '../domain/results.ts';
import type { Handlers } from '../handlers/handlers.ts';
import type { RunEnd } from '../handlers/run.ts';
import { aboutOf, attemptsOf, reserveSecondsOf, type FetchedJob } from './fetched-job.ts';
import { createEnd, createFailedEnd, createRequeuedEnd, type EndedRun, type Ran } from './ended-run.ts';
import { createProgressKeeper } from './progress.ts';

export interface HandlerJobsOptions {
  handlers: Handlers;
  clock: Clock;
  results: ResultStore | undefined;
  onEnd: (end: EndedRun, seconds: number) => void;
}

export type RunHandlerJob = (job: FetchedJob, text: string, type: JobType) => void;

function reservedMsOf(job: FetchedJob, { reserveForSeconds }: JobType): number {
  const seconds =
    job.reserve_for === undefined ? Math.min(reserveForSeconds, reserveSecondsOf(job)) : reserveSecondsOf(job);
  return (seconds - reserveMarginSeconds) * 1000;
}

export function createHandlerJobs({ handlers, clock, results, onEnd }: HandlerJobsOptions): RunHandlerJob {
  const progress = results && createProgressKeeper(results, clock);

  return (job, text, type) => {
    const startedMs = clock.now();
    const attempt = attemptsOf(job);
    const about = { ...aboutOf(job), started_at: new Date().toISOString() };
    const operation = type.name;
    const ran: Ran = { job, operation, about, logged: { attempt } };

    handlers.run({
      jid: job.jid,
      name: operation,
      text,
      attempt,
      timeoutMs: (type.timeoutSeconds ?? Infinity) * 1000,
      reservedMs: reservedMsOf(job, type),
      onProgress(percent, note) {
        const record: JobRecord = { job_id: job.jid, state: 'pending', operation, ...about, attempts: attempt };
        progress?.note({ ...record, progress: { percent, ...(note !== undefined && { note }) } });
      },
      onEnd(end) {
        progress?.drop(job.jid);
        onEnd(endOf(ran, end), (clock.now() - startedMs) / 1000);
      },
    });
  };
}

function endOf(ran: Ran, end: RunEnd): EndedRun {
  switch (end.type) {
    case 'succeeded':
      return createEnd(ran, 'succeeded', { result: end.result });
    case 'failed':
      return createEnd(ran, 'failed', { error: end.message, errtype: end.errtype });
    case 'threw':
      return createFailedEnd(ran, { errtype: end.errtype, message: end.message, backtrace: end.backtrace });
    case 'requeued':
      return createRequeuedEnd(ran, end.reason);
  }
}
