// A job as FETCH brings it. Anyone may have pushed it: its fields may have any form.

export interface FetchedJob {
  jid: string;
  jobtype: string;
  args?: unknown;
  queue?: unknown;
  /** The broker writes its default into a pushed job without `retry` (contribsys/faktory server/commands.go, v1.9.4). */
  retry?: number | null;
  reserve_for?: unknown;
  /** Set when the job was scheduled. */
  at?: unknown;
  enqueued_at?: unknown;
  custom?: Readonly<Record<string, unknown>> | null;
  /** Written by the broker, or by the client that pushed the job. */
  failure?: { retry_count?: unknown } | null;
}

/**
 * The effect of a FAIL on a job, by its `retry` (contribsys/faktory manager/retry.go, v1.9.4). With 0 the job is gone; below 0,
 * or when the retries are used up, it goes to the dead set. A job without `retry` was put into the broker's store in another
 * way than by FWP: the effect is unknown. A job that the embedded broker takes back is queued again.
 */
export type FailEffect = 'retried' | 'dead' | 'gone' | 'unknown' | 'queued again';

/** @returns undefined when the text is no job at all: there is no jid to acknowledge */
export function parseJob(text: string): FetchedJob | undefined {
  try {
    const job = JSON.parse(text) as Partial<FetchedJob> | null;
    return typeof job?.jid === 'string' && typeof job.jobtype === 'string' ? (job as FetchedJob) : undefined;
  } catch {
    return undefined;
  }
}

export function failEffectOf(job: FetchedJob): Exclude<FailEffect, 'queued again'> {
  const { retry } = job;
  if (typeof retry !== 'number') return 'unknown';
  if (retry === 0) return 'gone';
  return attemptsOf(job) > retry ? 'dead' : 'retried';
}

/** The number of attempts, including this run (contribsys/faktory manager/retry.go: retry_count is 0 after the first failure). */
export function attemptsOf({ failure }: FetchedJob): number {
  if (typeof failure !== 'object' || failure === null) return 1;
  const { retry_count: count } = failure;
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count + 2 : 2;
}

/** The known fields of the record of any job. */
export function aboutOf(job: FetchedJob): Record<string, unknown> {
  const { at, enqueued_at, custom } = job;
  const requestId = custom?.['request_id'];
  const lock = lockOf(job);
  return {
    ...(typeof requestId === 'string' && { request_id: requestId }),
    ...(lock !== undefined && { unique_key: lock }),
    ...(typeof at === 'string' && { at }),
    ...(typeof enqueued_at === 'string' && { enqueued_at }),
  };
}

/** The name of the job's lock. Undefined: the job is not unique. */
export function lockOf({ custom }: FetchedJob): string | undefined {
  const lock = custom?.['unique_key'];
  return typeof lock === 'string' ? lock : undefined;
}

/** Reads `custom.expires_at`, as in Faktory Enterprise. */
export function isExpired({ custom }: FetchedJob, nowMs: number): boolean {
  const expiresAt = custom?.['expires_at'];
  return typeof expiresAt === 'string' && Date.parse(expiresAt) <= nowMs;
}

// The broker's limits of a reservation, and its default (contribsys/faktory manager/working.go, v1.9.4).
const reserveSeconds = { min: 60, max: 86_400, default: 1800 };

/** How long the broker keeps a fetched job for its worker. */
export function reserveSecondsOf({ reserve_for: given }: FetchedJob): number {
  if (typeof given !== 'number' || !Number.isFinite(given) || given === 0) return reserveSeconds.default;
  return Math.min(reserveSeconds.max, Math.max(reserveSeconds.min, given));
}
