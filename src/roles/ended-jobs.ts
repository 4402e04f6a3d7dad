// Jobs that the broker in this process has ended without a worker (discarded, killed, dead). Their records say that the job
// failed, and why.
import type { Logger } from 'pino';
import type { EndedJob } from '../broker/queues/ended.ts';
import { isEnded, type JobRecord, type ResultStore } from '../domain/results.ts';

/** The most jobs that are looked up and written together. */
const jobsMax = 500;

/** Never rejects: a job that the store does not take stays pending until its record expires. */
export function createEndedJobsTeller(
  results: Pick<ResultStore, 'get' | 'put'>,
  log: Pick<Logger, 'warn'>,
): (jobs: readonly EndedJob[]) => Promise<void> {
  async function tell(jobs: readonly EndedJob[]): Promise<void> {
    const known = await Promise.all(jobs.map(({ jid }) => results.get(jid)));
    const finishedAt = new Date().toISOString();
    const records = jobs.flatMap(({ errtype, message }, index): JobRecord[] => {
      const record = known[index];
      // An unknown id belongs to another producer, or is forgotten. A record from a worker says more.
      if (record === undefined || isEnded(record)) return [];
      return [{ ...record, state: 'failed', error: message, errtype, finished_at: finishedAt }];
    });
    if (records.length > 0) await results.put(records);
  }

  return async (jobs) => {
    for (let start = 0; start < jobs.length; start += jobsMax) {
      await tell(jobs.slice(start, start + jobsMax)).catch((error: unknown) =>
        log.warn({ err: error, jobs: jobs.length }, 'the results were not told of jobs that the broker has ended'),
      );
    }
  };
}
