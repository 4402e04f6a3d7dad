// How long a record is kept: RESULT_TTL_SECONDS after the job's end. A job that has not ended counts as ended at the latest
// time at which it can begin or end.
import { isEnded, type JobRecord } from '../domain/results.ts';

/** The longest reservation (contribsys/faktory manager/working.go, v1.9.4): by then a job that runs has ended or is retried. */
const runMsMax = 86_400_000;

/** The longest pause after this number of failed attempts (contribsys/faktory manager/retry.go, v1.9.4). */
function retryPauseMs(attempts: number): number {
  const count = attempts - 1;
  return (count ** 4 + 15 + 30 * (count + 1)) * 1000;
}

function msUntilNews({ state, at, error, attempts }: JobRecord, nowMs: number): number {
  if (state === 'scheduled') return Math.max(0, Date.parse(at ?? '') - nowMs) || 0;
  return error === undefined ? runMsMax : retryPauseMs(attempts ?? 1);
}

export const keptMs = (record: JobRecord, ttlMs: number, nowMs: number): number =>
  ttlMs + (isEnded(record) ? 0 : msUntilNews(record, nowMs));
