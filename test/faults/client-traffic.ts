// Jobs that the client of callers enqueues, and what it reports of each: a job is known by its first operand.
import { createClient } from '../../src/client/client.ts';
import type { Fetch } from '../../src/client/surroundings.ts';
import { WorkFactoryError } from '../../src/client/error.ts';
import type { SeenJob } from './conservation.ts';

export interface Traffic {
  /** Ids of those that are reported as enqueued. */
  readonly enqueued: ReadonlyMap<number, string>;
  readonly refused: ReadonlySet<number>;
  readonly unknown: ReadonlySet<number>;
}

export interface TrafficOptions {
  url: string;
  /** Of them half go alone, half in batches. */
  jobs: number;
  callers: number;
  jobsPerBatch: number;
  /** Called when so many are reported. */
  onReported?: (count: number) => void;
  /** False: the service never sees the keys, and the client believes that it does. */
  hasKeys?: boolean;
}

/** A stall costs the first; a key of a process that was killed is under way for 25 s. */
const times = { attemptTimeoutMs: 1500, timeoutMs: 60_000 };

const withoutKeys: Fetch = (url, { headers: { 'idempotency-key': _, ...headers }, ...init }) =>
  fetch(url, { ...init, headers });

export async function postJobs(options: TrafficOptions): Promise<Traffic> {
  const { url, jobs, callers, jobsPerBatch, onReported, hasKeys = true } = options;
  const client = createClient({ url, ...times, ...(!hasKeys && { fetch: withoutKeys }) });
  const enqueued = new Map<number, string>();
  const refused = new Set<number>();
  const unknown = new Set<number>();
  let taken = 0;
  const argsOf = (a: number) => ({ a, b: 1, request_id: `nonce-${a}` });

  function report(a: number, outcome: string | undefined, jobId?: string): void {
    if (jobId !== undefined && outcome === 'enqueued') enqueued.set(a, jobId);
    else (outcome === 'unknown' ? unknown : refused).add(a);
    onReported?.(enqueued.size + refused.size + unknown.size);
  }

  async function single(a: number): Promise<void> {
    try {
      report(a, 'enqueued', (await client.enqueue('add', argsOf(a))).jobId);
    } catch (error) {
      if (!(error instanceof WorkFactoryError)) throw error;
      report(a, error.outcome);
    }
  }

  async function batch(first: number, size: number): Promise<void> {
    const numbers = Array.from({ length: size }, (_, index) => first + index);
    const { results } = await client.enqueueBatch(numbers.map((a) => ({ operation: 'add', args: argsOf(a) })));
    results.forEach((result, index) =>
      report(numbers[index] as number, result.status, result.status === 'enqueued' ? result.jobId : undefined),
    );
  }

  async function caller(): Promise<void> {
    while (taken < jobs) {
      const first = taken;
      const size = Math.min(jobsPerBatch, jobs - first);
      taken += size;
      // In turn: a batch, and as many singles.
      if ((first / jobsPerBatch) % 2 === 0) await batch(first, size);
      else for (let a = first; a < first + size; a++) await single(a);
    }
  }

  await Promise.all(Array.from({ length: callers }, caller));
  return { enqueued, refused, unknown };
}

export interface Account {
  /** Jobs that the broker has more than once. */
  readonly doubled: number;
  /** Reported as enqueued, and not there under the id that was reported. */
  readonly lost: number;
  /** Reported as not enqueued, and there. */
  readonly ghosts: number;
  readonly stored: number;
}

/** What was reported, held against what the broker has while no worker runs. */
export function accountFor({ enqueued, refused }: Traffic, stored: readonly SeenJob[]): Account {
  const byNumber = new Map<number, string[]>();
  for (const { a, jobId } of stored) byNumber.set(a, [...(byNumber.get(a) ?? []), jobId]);
  return {
    stored: stored.length,
    doubled: [...byNumber.values()].filter(({ length }) => length > 1).length,
    lost: [...enqueued].filter(([a, jobId]) => !byNumber.get(a)?.includes(jobId)).length,
    ghosts: [...refused].filter((a) => byNumber.has(a)).length,
  };
}

export const describeTraffic = ({ enqueued, refused, unknown }: Traffic, { stored, doubled }: Account): string =>
  `${enqueued.size} enqueued, ${refused.size} refused, ${unknown.size} unknown; ${stored} stored, ${doubled} of them more than once`;
