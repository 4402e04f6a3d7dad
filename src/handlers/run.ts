// One job in the hands of the handler processes.
import type { Timer } from '../domain/clock.ts';
import type { HandlerEnd } from './messages.ts';

export interface HandlerJob {
  jid: string;
  /** Of its type. */
  name: string;
  /** As it was fetched. */
  text: string;
  attempt: number;
  /** From the moment that a process takes it. */
  timeoutMs: number;
  /** From now on. By then the job has ended, or is given back without having run. */
  reservedMs: number;
  onEnd: (end: RunEnd) => void;
  onProgress: (percent: number, note: string | undefined) => void;
}

/** `given back`: the job did not end, and is to be requeued. */
export type RunEnd = HandlerEnd | { type: 'requeued'; reason: string };

export interface Run {
  id: number;
  job: HandlerJob;
  untilMs: number;
  /** The end of its time, in its process or in the wait for a process. */
  timer: Timer | undefined;
  /** Its process has replied to `abort`. */
  isHeard: boolean;
}

export const requeued = (reason: string): RunEnd => ({ type: 'requeued', reason });

/** The broker retries the job: nobody knows how far it came. */
export const lostRun = (id: number, errtype: string, message: string): RunEnd => ({
  type: 'threw',
  id,
  errtype,
  message,
  backtrace: [],
});
