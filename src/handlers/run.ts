// One job that a handler process runs, or that waits for a process.
import type { Timer } from '../domain/clock.ts';
import type { HandlerEnd } from './messages.ts';

export interface HandlerJob {
  jid: string;
  /** The name of the job's type. */
  name: string;
  /** The job's JSON, as it was fetched. */
  text: string;
  attempt: number;
  /** The most time from the moment in which a process takes the job. */
  timeoutMs: number;
  /** The most time from now. After it the job has ended, or is requeued without having run. */
  reservedMs: number;
  onEnd: (end: RunEnd) => void;
  onProgress: (percent: number, note: string | undefined) => void;
}

/** `requeued`: the job did not end, and is to run elsewhere. */
export type RunEnd = HandlerEnd | { type: 'requeued'; reason: string };

export interface Run {
  id: number;
  job: HandlerJob;
  untilMs: number;
  /** Ends the job's time, in its process or while it waits for a process. */
  timer: Timer | undefined;
  /** True when its process has replied to `abort`. */
  isHeard: boolean;
}

export const requeued = (reason: string): RunEnd => ({ type: 'requeued', reason });

/** The broker retries the job, because nobody knows how far it came. */
export const lostRun = (id: number, errtype: string, message: string): RunEnd => ({
  type: 'threw',
  id,
  errtype,
  message,
  backtrace: [],
});
