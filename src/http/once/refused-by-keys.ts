// Counts the jobs of a request that fails because the store of keys takes nothing, like every other refusal.
import type { Job } from '../../domain/job.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { AppError } from '../problems/errors.ts';

export type JobCounter = Pick<Metrics, 'job'>;

/** A caller that sends a key to a deployment without keys is at fault. */
export function countRefusedByKeys(metrics: JobCounter, jobs: readonly Job[], { code }: AppError): void {
  const outcome = code === 'keys_not_kept' ? 'rejected' : 'refused';
  for (const { operation, queue } of jobs) metrics.job(operation, outcome, queue);
}

/** Returns `asked`; when it rejects with a failure of the store of keys, the jobs are counted. */
export function countIfRefusedByKeys<Value>(
  metrics: JobCounter,
  jobs: readonly Job[],
  asked: Promise<Value> | Value,
): Promise<Value> | Value {
  if (!(asked instanceof Promise)) return asked;
  return asked.catch((error: unknown) => {
    if (error instanceof AppError) countRefusedByKeys(metrics, jobs, error);
    throw error;
  });
}
