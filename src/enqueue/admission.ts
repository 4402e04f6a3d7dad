// The limit of work: waiting and in-flight jobs together, in jobs and in bytes. Above it the answer is an immediate no,
// because a queue that only grows ends with everybody being answered too late (docs/decisions/0004-admission.md).
import type { Job } from '../domain/job.ts';
import { refused, type JobProducer } from '../domain/producer.ts';

export interface AdmissionOptions {
  next: JobProducer;
  pendingJobsMax: number;
  pendingBytesMax: number;
  /** How long so many jobs that come now will wait for their first frame. */
  expectedWaitMs: (jobs: number) => number;
  /** A longer wait is refused at once: the job would be refused anyway, later. */
  waitMsMax: number;
}

export interface Admission extends JobProducer {
  readonly pendingJobs: number;
  readonly pendingBytes: number;
  /** Jobs refused since the start, by the limit that they met. */
  readonly refusals: Readonly<Refusals>;
}

interface Refusals {
  pending_jobs: number;
  pending_bytes: number;
  expected_wait: number;
}

export function createAdmission(options: AdmissionOptions): Admission {
  const { next, pendingJobsMax, pendingBytesMax, expectedWaitMs, waitMsMax } = options;
  let pendingJobs = 0;
  let pendingBytes = 0;
  const refusals: Refusals = { pending_jobs: 0, pending_bytes: 0, expected_wait: 0 };
  const overloaded = refused('overloaded', 'too much work is waiting for the broker');

  function limitMet(jobs: number, bytes: number): keyof Refusals | undefined {
    if (pendingJobs + jobs > pendingJobsMax) return 'pending_jobs';
    if (pendingBytes + bytes > pendingBytesMax) return 'pending_bytes';
    return expectedWaitMs(jobs) > waitMsMax ? 'expected_wait' : undefined;
  }

  function admits(jobs: number, bytes: number): boolean {
    const limit = limitMet(jobs, bytes);
    if (limit !== undefined) {
      refusals[limit] += jobs;
      return false;
    }
    pendingJobs += jobs;
    pendingBytes += bytes;
    return true;
  }

  function release(jobs: number, bytes: number): void {
    pendingJobs -= jobs;
    pendingBytes -= bytes;
  }

  return {
    refusals,
    get pendingJobs() {
      return pendingJobs;
    },
    get pendingBytes() {
      return pendingBytes;
    },
    async push(job, deadlineMs) {
      if (!admits(1, job.encodedBytes)) return overloaded;
      const outcome = await next.push(job, deadlineMs);
      release(1, job.encodedBytes);
      return outcome;
    },
    async pushBulk(jobs, deadlineMs) {
      const bytes = jobs.reduce((sum: number, job: Job) => sum + job.encodedBytes, 0);
      if (!admits(jobs.length, bytes)) return jobs.map(() => overloaded);
      const outcomes = await next.pushBulk(jobs, deadlineMs);
      release(jobs.length, bytes);
      return outcomes;
    },
    ping: () => next.ping(),
    close: () => next.close(),
  };
}
