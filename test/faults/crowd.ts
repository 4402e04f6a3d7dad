// Callers of the API who write down what they asked for and what they were told, for the conservation checker: singles and
// batches of all operations, some of them wrong on purpose, each job with a nonce of its own in its request_id.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { post } from '../helpers/service.ts';
import type { OfferedJob, Outcome } from './conservation.ts';
import { createExplicitEntry } from './explicit.ts';

const compute = {
  add: (a: number, b: number) => a + b,
  subtract: (a: number, b: number) => a - b,
  multiply: (a: number, b: number) => a * b,
  divide: (a: number, b: number) => a / b,
} as const;

type Operation = keyof typeof compute;
const operations = Object.keys(compute) as Operation[];

/** What a worker must make of it. */
export const resultOf = ({ operation, a, b }: OfferedJob): number => compute[operation as Operation](a, b);

interface Wanted extends Pick<OfferedJob, 'nonce' | 'operation' | 'a' | 'b' | 'more'> {
  path: string;
  entry: object;
}

/** Every so many jobs one is explicit, where the API takes such. */
const explicitEvery = 10;

type Told = Pick<OfferedJob, 'outcome' | 'jobId' | 'message' | 'detail'>;
type JsonResponse = Awaited<ReturnType<typeof post>>;

const silent: JsonResponse = { status: 0, body: {} };

const outcomeOfStatus: Readonly<Record<string, Outcome>> = {
  enqueued: 'enqueued',
  rejected: 'refused',
  failed: 'refused',
  unknown: 'unknown',
};

/** What a response says of each of `count` jobs. */
function read({ status, body }: JsonResponse, count: number): Told[] {
  const { results, job_id: id, job_ids: ids = id === undefined ? [] : [id], message, detail } = body;
  if (results !== undefined) {
    const entries = results as { status: string; job_id?: string; detail?: string }[];
    assert.equal(entries.length, count);
    return entries.map((entry) => ({
      outcome: outcomeOfStatus[entry.status] as Outcome,
      jobId: entry.job_id,
      message: undefined,
      detail: entry.detail,
    }));
  }
  // A bug is never a response that counts, nor is a no without its proof.
  assert.ok(status !== 500 && (status < 400 || status === 504 || body['outcome'] === 'not_enqueued'), `${status}`);
  const outcome = status === 202 ? 'enqueued' : body['outcome'] === 'not_enqueued' ? 'refused' : 'unknown';
  return Array.from({ length: count }, (_, index) => ({
    outcome,
    jobId: (ids as string[])[index],
    message: id === undefined ? undefined : (message as string),
    detail: detail as string | undefined,
  }));
}

export interface Callers {
  readonly offered: readonly OfferedJob[];
  /** Requests by status; one without a response is under 0. */
  readonly byStatus: Readonly<Record<number, number>>;
  readonly acknowledged: number;
  readonly slowestMs: number;
  /** Asks for one job; resolves with the status. A spoilt one divides by zero. Never rejects for want of a response. */
  single(isSpoilt?: boolean): Promise<number>;
  /** Asks for many at once; in a spoilt batch the last one divides by zero. */
  batch(size: number, isSpoilt?: boolean): Promise<number>;
  /** Resolves when so many jobs have been acknowledged. */
  untilAcknowledged(count: number): Promise<void>;
}

/** @param takesExplicit whether the API and whoever reads the broker know the jobs of explicit.ts */
export function createCallers(url: string, takesExplicit = false): Callers {
  const offered: OfferedJob[] = [];
  const byStatus: Record<number, number> = {};
  const waiting = new Map<() => void, number>();
  let acknowledged = 0;
  let slowestMs = 0;
  let count = 0;

  function want(isSpoilt: boolean): Wanted {
    const index = ++count;
    const nonce = `nonce-${index}`;
    const operation = isSpoilt ? 'divide' : (operations[index % 4] as Operation);
    const numbers = { a: index, b: isSpoilt ? 0 : (index % 9) + 1 };
    const flat = { ...numbers, request_id: nonce };
    const wanted = { nonce, operation, ...numbers };
    if (isSpoilt || !takesExplicit || index % explicitEvery !== 0)
      return { ...wanted, path: `/jobs/${operation}`, entry: { operation, ...flat } };
    return { ...wanted, path: '/jobs', ...createExplicitEntry(index / explicitEvery, operation, flat) };
  }

  async function ask(path: string, body: unknown, jobs: readonly Wanted[]): Promise<number> {
    const askedMs = performance.now();
    const response = await post(url + path, body).catch(() => silent);
    const repliedMs = performance.now();
    slowestMs = Math.max(slowestMs, repliedMs - askedMs);
    byStatus[response.status] = (byStatus[response.status] ?? 0) + 1;
    const told = read(response, jobs.length);
    jobs.forEach(({ path: _path, entry: _entry, ...job }, index) => {
      const own = told[index] as Told;
      if (own.outcome === 'enqueued') acknowledged++;
      // The sentence about a passed-through job does not name its arguments.
      const message = job.more === undefined ? own.message : undefined;
      offered.push({ ...job, askedMs, repliedMs, ...own, message });
    });
    for (const [wake, least] of waiting) if (acknowledged >= least) wake();
    return response.status;
  }

  return {
    offered,
    byStatus,
    get acknowledged() {
      return acknowledged;
    },
    get slowestMs() {
      return slowestMs;
    },
    single(isSpoilt = false) {
      const job = want(isSpoilt);
      return ask(job.path, job.entry, [job]);
    },
    batch(size, isSpoilt = false) {
      const jobs = Array.from({ length: size }, (_, index) => want(isSpoilt && index === size - 1));
      return ask('/jobs/batch', { jobs: jobs.map(({ entry }) => entry) }, jobs);
    },
    untilAcknowledged(least) {
      if (acknowledged >= least) return Promise.resolve();
      return new Promise((resolve) => {
        const wake = (): void => {
          waiting.delete(wake);
          resolve();
        };
        waiting.set(wake, least);
      });
    },
  };
}

export interface Crowd {
  /** How many ask for single jobs, one after the other. */
  singles: number;
  /** How many ask for batches. */
  batches: number;
  jobsPerBatch: number;
}

/** Every so many requests of a caller one is spoilt. */
const spoiltEvery = 10;
/** The pause of a caller who was not served: a refusal comes at once. */
const restMs = 50;

/** Callers who ask again as soon as they are answered; resolves at the end of all when told to stop. */
export function startCrowd(t: TestContext, callers: Callers, crowd: Crowd): { stop(): Promise<void> } {
  let isOver = false;
  t.after(() => (isOver = true));
  const caller = async (each: (isSpoilt: boolean) => Promise<number>): Promise<void> => {
    for (let turn = 1; !isOver; turn++) {
      const status = await each(turn % spoiltEvery === 0);
      if (status === 0 || status >= 500) await delay(restMs);
    }
  };
  const done = Promise.all([
    ...Array.from({ length: crowd.singles }, () => caller(callers.single)),
    ...Array.from({ length: crowd.batches }, () => caller((isSpoilt) => callers.batch(crowd.jobsPerBatch, isSpoilt))),
  ]);
  done.catch(() => undefined);
  return {
    async stop() {
      isOver = true;
      await done;
    },
  };
}
