// Decides where a failed job goes: contribsys/faktory v1.9.4, manager/retry.go.
import { rfc3339 } from '../clock.ts';
import { retryOf, type FaktoryJob } from './job.ts';

export interface FailPayload {
  errtype: string;
  message: string;
  backtrace: string[];
}

/** The reservation expired: the worker died, or was slower than `reserve_for`. */
export const reservationExpired: FailPayload = {
  errtype: 'ReservationExpired',
  message: 'Faktory job reservation expired',
  backtrace: [],
};

/** The last connection of the worker was lost, or its process ended. Faktory notices at the end of the reservation only. */
export const workerLost: FailPayload = {
  errtype: 'WorkerLost',
  message: 'the worker that had the job was lost',
  backtrace: [],
};

const textOf = (value: unknown, lengthMax: number): string =>
  (typeof value === 'string' ? value.trim() : '').slice(0, lengthMax) || 'unknown';

/** A client may push a job with a failure that it made up. Its counts become whole numbers. */
const whole = (value: unknown): number =>
  Number.isInteger(value) ? Math.min(Math.max(0, value as number), 2 ** 31) : 0;

/** Reads the failure and cuts it as Faktory does: 100 and 1,000 characters, 50 lines. */
export function readFailure(payload: Record<string, unknown>): FailPayload {
  const backtrace: unknown[] = Array.isArray(payload['backtrace']) ? payload['backtrace'] : [];
  return {
    errtype: textOf(payload['errtype'], 100),
    message: textOf(payload['message'], 1000),
    backtrace: backtrace.slice(0, 50).map(String),
  };
}

/** count^4 + 15 + random(0..29) * (count + 1) seconds: 15 to 44 s at first, 21 days in all for 25 retries. */
export const retryDelayMs = (count: number, random: () => number): number =>
  1000 * (count ** 4 + 15 + Math.floor(random() * 30) * (count + 1));

export type Destination = { to: 'retries'; dueMs: number } | { to: 'dead' } | { to: 'nowhere' };

/** A client may send any count, and its fourth power may lie beyond the last possible date. */
const retryDelayMsMax = 365 * 86_400_000;

/** Writes the failure into the job and decides where the job goes. A job without `retry` goes nowhere, not even to the dead. */
export function judge(
  job: FaktoryJob,
  failure: FailPayload,
  nowMs: number,
  delayMs: (count: number) => number,
): Destination {
  const retry = retryOf(job);
  if (retry === 0) return { to: 'nowhere' };
  const before = job.failure;
  const { errtype, message, backtrace } = failure;
  job.failure = {
    failed_at: before?.failed_at ?? rfc3339(nowMs),
    message,
    errtype,
    backtrace: backtrace.length > 0 ? backtrace : undefined,
    retry_count: before ? whole(before.retry_count) + 1 : 0,
    remaining: before ? Math.max(0, whole(before.remaining) - 1) : retry,
  };
  if (job.failure.retry_count >= retry) return { to: 'dead' };
  const dueMs = nowMs + Math.min(retryDelayMsMax, delayMs(job.failure.retry_count));
  job.failure.next_at = rfc3339(dueMs);
  return { to: 'retries', dueMs };
}
