// Pushes jobs with claims of keys or locks, and settles the claims by the outcomes of the jobs.
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../../domain/clock.ts';
import type { Job } from '../../domain/job.ts';
import type { Settlement } from '../../domain/keys.ts';
import { refused, unknown, type Outcome, type JobProducer } from '../../domain/producer.ts';
import { lockJobs, type Locked } from './locks.ts';
import type { RequestKeys } from './request-keys.ts';

/** Claims of keys for the jobs of a push. */
export interface Claimed {
  /** @param outcomes of all jobs */
  settlementsOf(outcomes: readonly Outcome[]): readonly Settlement[];
  /** Called with the jobs that will be pushed. `complete` turns their outcomes into the outcomes of all jobs. */
  onLocked?(pushed: readonly Job[], complete: (outcomes: readonly Outcome[]) => readonly Outcome[]): void;
}

export interface SettledPushOptions {
  keys: RequestKeys;
  producer: JobProducer;
  clock: Clock;
  enqueueTimeoutMs: number;
}

/** Takes the locks of unique jobs, pushes the rest, and settles all claims by the outcomes; resolves by the deadline. */
export type SettledPush = (
  request: FastifyRequest,
  jobs: readonly Job[],
  deadlineMs: number,
  claimed?: Claimed,
) => Promise<readonly Outcome[]>;

/** The most time between the caller's deadline and the sweep's. With the sweep's delay it stays below the 250 ms that the contract allows. */
const lateMsMax = 100;

const noReplyInTime = unknown('no reply from the broker in time');
const unclaimed: Claimed = { settlementsOf: () => [] };
const unlocked = (jobs: readonly Job[]): Locked => ({
  jobs,
  complete: (outcomes) => outcomes,
  settlementsOf: () => [],
});

export function createSettledPush({ keys, producer, clock, enqueueTimeoutMs }: SettledPushOptions): SettledPush {
  /** The promise's value, or undefined when the time comes first. */
  function valueInTime<Value>(promise: Promise<Value>, deadlineMs: number): Promise<Value | undefined> {
    return new Promise((resolve, reject) => {
      const timer = clock.after(Math.max(0, deadlineMs - clock.now()), () => resolve(undefined));
      promise.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  async function pushNow(jobs: readonly Job[], lateMs: number): Promise<readonly Outcome[]> {
    const [first] = jobs;
    if (first === undefined) return [];
    return jobs.length === 1 ? [await producer.push(first, lateMs)] : producer.pushBulk(jobs, lateMs);
  }

  /** Takes the locks. When that fails, the keys are free again. */
  async function lock(request: FastifyRequest, jobs: readonly Job[], { settlementsOf }: Claimed): Promise<Locked> {
    try {
      return await lockJobs(keys, request, jobs);
    } catch (error) {
      await keys.store?.settle(settlementsOf(jobs.map(() => refused('overloaded', ''))));
      throw error;
    }
  }

  return async (request, jobs, deadlineMs, claimed = unclaimed) => {
    const hasLocks = jobs.some(({ unique }) => unique !== undefined);
    const locked = hasLocks ? await lock(request, jobs, claimed) : unlocked(jobs);
    claimed.onLocked?.(locked.jobs, locked.complete);
    // Deadlines must come in the order of the pushes (group-commit.ts), so the caller's own, earlier deadline needs a timer.
    const lateMs = clock.now() + enqueueTimeoutMs;
    let settled: Promise<void> | undefined;
    const ended = pushNow(locked.jobs, lateMs).then((outcomes) => {
      // Settled also when the broker replies after the caller was told that the outcome is unknown.
      settled = keys.store?.settle([
        ...claimed.settlementsOf(locked.complete(outcomes)),
        ...locked.settlementsOf(outcomes),
      ]);
      return outcomes;
    });
    const outcomes = await (lateMs - deadlineMs <= lateMsMax ? ended : valueInTime(ended, deadlineMs));
    if (outcomes === undefined) return locked.complete(locked.jobs.map(() => noReplyInTime));
    // A repeated request gets the same response only after this. A store that hangs delays no caller beyond the deadline.
    if (settled !== undefined) await valueInTime(settled, deadlineMs);
    return locked.complete(outcomes);
  };
}
