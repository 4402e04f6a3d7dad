// Jobs that have waited elsewhere than in a queue, for their time or for another attempt, may have been cancelled meanwhile
// without the broker's knowledge: such a job runs only when the result store has taken that it begins
// (docs/decisions/0019-cancelling.md). All of a turn are begun together.
import type { Clock } from '../domain/clock.ts';
import type { JobRecord, ResultStore } from '../domain/results.ts';
import { aboutOf, attemptsOf, type FetchedJob } from './fetched-job.ts';
import type { WorkerLog } from './job-log.ts';

export interface Beginning {
  job: FetchedJob;
  operation: string;
  /** The job is ours now. */
  onBegun: () => void;
  onCancelled: () => void;
  /** The store did not answer in time. */
  onGivenUp: () => void;
}

export interface Beginnings {
  /** Jobs of which is not known yet whether they run. */
  readonly size: number;
  add(beginning: Beginning): void;
  /** Begins what was added. */
  flush(): void;
  /** Gives up all that is under way or comes later. */
  close(): void;
}

export interface BeginningsOptions {
  results: ResultStore;
  clock: Clock;
  log: WorkerLog;
}

/** As with results that the store does not take: a restart of Redis takes less. */
const retryForMs = 15_000;
const retryPauseMs = 500;

/** Whether the job was in nobody's sight, and so in a place that it may have been cancelled from. */
export const hasWaited = ({ at, failure }: FetchedJob): boolean => typeof at === 'string' || Boolean(failure);

export function createBeginnings({ results, clock, log }: BeginningsOptions): Beginnings {
  let added: Beginning[] = [];
  /** `added` too. */
  const open = new Set<Beginning>();
  let isClosed = false;

  /** What is stored after ours is the answer: an end is never replaced by a beginning, and no job is cancelled after it. */
  async function begin(group: readonly Beginning[]): Promise<(JobRecord | undefined)[]> {
    await results.put(group.map(recordOf));
    return Promise.all(group.map(({ job }) => results.get(job.jid)));
  }

  async function beginInTime(group: readonly Beginning[]): Promise<(JobRecord | undefined)[] | undefined> {
    const untilMs = clock.now() + retryForMs;
    for (;;) {
      try {
        return await begin(group);
      } catch (error) {
        if (isClosed || clock.now() >= untilMs) {
          log.warn({ jobs: group.length, error: (error as Error).message }, 'jobs could not be begun');
          return undefined;
        }
        await new Promise<void>((resolve) => clock.after(retryPauseMs, resolve));
      }
    }
  }

  async function run(group: readonly Beginning[]): Promise<void> {
    const known = await beginInTime(group);
    for (const [index, beginning] of group.entries()) {
      if (!open.delete(beginning)) continue;
      if (known === undefined) beginning.onGivenUp();
      else if (known[index]?.state === 'cancelled') beginning.onCancelled();
      else beginning.onBegun();
    }
  }

  return {
    get size() {
      return open.size;
    },
    add(beginning) {
      if (isClosed) return beginning.onGivenUp();
      open.add(beginning);
      added.push(beginning);
    },
    flush() {
      if (added.length === 0) return;
      const group = added;
      added = [];
      void run(group);
    },
    close() {
      isClosed = true;
      added = [];
      for (const { onGivenUp } of open) onGivenUp();
      open.clear();
    },
  };
}

const recordOf = ({ job, operation }: Beginning): JobRecord => ({
  job_id: job.jid,
  state: 'pending',
  operation,
  ...aboutOf(job),
  started_at: new Date().toISOString(),
  attempts: attemptsOf(job),
});
