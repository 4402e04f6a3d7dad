// The state of a job, waiting for its end, and cancelling it.
import type { ApiResponse } from './attempt.ts';
import { WorkFactoryError } from './error.ts';
import type { Sender } from './sender.ts';
import type { Surroundings } from './surroundings.ts';

/** As `GET /jobs/{job_id}` has it (docs/jobs.md). Times are RFC 3339, UTC. */
export interface Job {
  readonly jobId: string;
  readonly state: 'scheduled' | 'pending' | 'succeeded' | 'failed' | 'expired' | 'cancelled';
  readonly operation?: string;
  readonly requestId?: string | null;
  readonly at?: string;
  /** Any JSON value. */
  readonly result?: unknown;
  readonly error?: string;
  readonly errtype?: string;
  readonly attempts?: number;
  readonly progress?: { readonly percent: number; readonly note?: string };
  readonly enqueuedAt?: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  /** False: the service is not told how the job ended. */
  readonly tracked?: boolean;
}

/** `not_cancellable`: it has started, or has ended otherwise. `not_found`: it is not known here. */
export type Cancelled = 'cancelled' | 'not_cancellable' | 'not_found';

export interface JobQueries {
  get(jobId: string, signal?: AbortSignal): Promise<Job | undefined>;
  wait(jobId: string, timeoutMs: number, signal?: AbortSignal): Promise<Job | undefined>;
  cancel(jobId: string, signal?: AbortSignal): Promise<Cancelled>;
}

/** The longest `?wait=` that the service takes. */
const waitMsMax = 30_000;

/** How long the last response may come after the end of the wait. */
const lastResponseMs = 5000;

const camelCase = (name: string): string => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

const toJob = ({ body }: ApiResponse): Job =>
  Object.fromEntries(Object.entries(body).map(([name, value]) => [camelCase(name), value])) as unknown as Job;

/** True also when the service is never told how the job ends, because waiting would only take time. */
const isOver = (job: Job | undefined): boolean =>
  job !== undefined && ((job.state !== 'pending' && job.state !== 'scheduled') || job.tracked === false);

const isCode = (error: unknown, code: string): boolean => error instanceof WorkFactoryError && error.code === code;

export function createJobQueries(sender: Sender, { now }: Pick<Surroundings, 'now'>, timeoutMs: number): JobQueries {
  const pathOf = (jobId: string): string => `/jobs/${encodeURIComponent(jobId)}`;

  async function ask(path: string, deadlineMs: number, signal?: AbortSignal, holdMs = 0): Promise<Job | undefined> {
    try {
      return toJob(await sender.send({ method: 'GET', path, deadlineMs, signal, holdMs }));
    } catch (error) {
      if (isCode(error, 'not_found')) return undefined;
      throw error;
    }
  }

  const get = (jobId: string, signal?: AbortSignal): Promise<Job | undefined> =>
    ask(pathOf(jobId), now() + timeoutMs, signal);

  return {
    get,
    async wait(jobId, waitMs, signal) {
      const untilMs = now() + waitMs;
      for (let early = 0; ;) {
        const askedMs = now();
        const holdMs = Math.max(0, Math.min(waitMsMax, Math.floor(untilMs - askedMs)));
        const path = `${pathOf(jobId)}?wait=${holdMs / 1000}`;
        const job = await ask(path, untilMs + lastResponseMs, signal, holdMs);
        if (isOver(job) || now() >= untilMs) return job;
        // A service that drains, or already holds its most requests, responds at once.
        if (now() - askedMs >= holdMs) early = 0;
        else await sender.pause(Math.min(sender.pauseMs(++early), untilMs - now()), signal);
      }
    },
    async cancel(jobId, signal) {
      try {
        await sender.send({ method: 'DELETE', path: pathOf(jobId), deadlineMs: now() + timeoutMs, signal });
        return 'cancelled';
      } catch (error) {
        if (isCode(error, 'not_found')) return 'not_found';
        if (!isCode(error, 'not_cancellable')) throw error;
        // An earlier attempt whose response was lost may have cancelled it.
        return (await get(jobId, signal))?.state === 'cancelled' ? 'cancelled' : 'not_cancellable';
      }
    },
  };
}
