// A job that was scheduled or waited for a retry may have been cancelled in the result store only. Such a job runs when the
// store has taken the record that it begins (docs/decisions/0019-cancelling.md). The jobs of one turn begin with one call.
import type { Clock } from '../domain/clock.ts';
import type { JobRecord, ResultStore } from '../domain/results.ts';
import { aboutOf, attemptsOf, type FetchedJob } from './fetched-job.ts';
import type { WorkerLog } from './job-log.ts';

export interface Beginning {
  job: FetchedJob;
  operation: string;
  /** Called when the record is stored: the job may run. */
  onBegun: () => void;
  onCancelled: () => void;
  /** Called when the store did not answer in time. */
  onGivenUp: () => void;
}

export interface Beginnings {
  /** Jobs whose record is not stored yet. */
  readonly size: number;
  add(beginning: Beginning): void;
  /** Stores the records of the added jobs. */
  flush(): void;
  /** Gives up all jobs, also those that come later. */
  close(): void;
}

export interface BeginningsOptions {
  results: ResultStore;
  clock: Clock;
  log: WorkerLog;
}

/** A restart of Redis takes less. */
const retryForMs = 15_000;
const retryPauseMs = 500;

/** True when the job was scheduled or retried, so that it may have been cancelled. */
export const hasWaited = ({ at, failure }: FetchedJob): boolean => typeof at === 'string' || Boolean(failure);

export function createBeginnings({ results, clock, log }: BeginningsOptions): Beginnings {
  let added: Beginning[] = [];
  /** All jobs, including those in `added`. */
  const open = new Set<Beginning>();
  let isClosed = false;

  /** The record that the store has afterwards decides: a beginning never replaces an end, and a job that began is not cancelled. */
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
