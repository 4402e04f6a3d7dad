// One line per job, after the reply of the broker. Above a limit of lines a second the rest is only counted, because a line costs
// more time than a job. Failed jobs have a sample of their own: they are few, and operators look for them.
import type { Logger } from 'pino';
import type { Clock, Timer } from '../domain/clock.ts';
import type { Told } from '../domain/job-source.ts';
import type { EndedRun } from './ended-run.ts';
import type { FailEffect } from './fetched-job.ts';

/** The part of pino that the worker uses. */
export type WorkerLog = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export interface JobLog {
  write(told: Told<EndedRun>): void;
  /** Logs the number of lines that were left out. */
  flush(): void;
}

const windowMs = 1000;
/** 0.3 % of one processor at about 30 us a line. */
export const linesPerWindowMax = 100;

export function createJobLog(log: WorkerLog, clock: Clock): JobLog {
  let lines = { failed: 0, succeeded: 0 };
  let omitted = { failed: 0, succeeded: 0 };
  let windowEndMs = -Infinity;
  let timer: Timer | undefined;

  function flush(): void {
    timer?.cancel();
    timer = undefined;
    if (omitted.failed + omitted.succeeded > 0) log.info(omitted, 'further jobs ended, too many to log each');
    omitted = { failed: 0, succeeded: 0 };
  }

  return {
    flush,
    write(told) {
      const now = clock.now();
      if (now >= windowEndMs) {
        flush();
        lines = { failed: 0, succeeded: 0 };
        windowEndMs = now + windowMs;
      }
      const kind = told.end.outcome === 'succeeded' && !told.failure ? 'succeeded' : 'failed';
      if (lines[kind] === linesPerWindowMax) {
        omitted[kind]++;
        timer ??= clock.after(windowEndMs - now, flush);
        return;
      }
      lines[kind]++;
      writeLine(log, told);
    },
  };
}

/** As many as are needed to find the line in the job's own file. */
const backtraceLinesMax = 5;

const failEffects: Readonly<Record<FailEffect, string>> = {
  retried: 'to be retried',
  dead: 'dead, no retry is left',
  gone: 'gone, as its retry is 0',
  unknown: 'the broker decides on retries',
  'queued again': 'queued again',
};

function writeLine(log: WorkerLog, { end, failure, isKnown }: Told<EndedRun>): void {
  const { jid, operation, record, logged } = end;
  const about = { jid, operation, request_id: record?.request_id ?? undefined };
  if (failure) {
    const effect = isKnown ? failEffects[end.failEffect] : 'the broker did not know it any more';
    if (end.outcome === 'requeued') {
      // Faktory gets the request to requeue the other jobs later.
      const isSettled = !isKnown || end.failEffect === 'gone' || end.failEffect === 'queued again';
      return log.warn({ ...about, reason: failure.message }, `job given back${isSettled ? `: ${effect}` : ''}`);
    }
    const what = failure === end.failure ? 'job failed' : 'job given back as failed';
    const { errtype, message, backtrace } = failure;
    const stack = backtrace.slice(0, backtraceLinesMax);
    return log.warn(
      { ...about, errtype, error: message, ...(stack.length > 0 && { stack }), attempts: record?.attempts },
      `${what}: ${effect}`,
    );
  }
  log.info({ ...about, ...logged, error: record?.error }, `job ${end.outcome}`);
}
