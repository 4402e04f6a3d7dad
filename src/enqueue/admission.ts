// The limit of work: waiting and in-flight jobs together, in jobs and in bytes. Above it jobs are refused at once,
// because a queue that only grows ends with a late response for everybody (docs/decisions/0004-admission.md).

export interface AdmissionOptions {
  pendingJobsMax: number;
  pendingBytesMax: number;
  /** A job that would wait longer is refused at once. Otherwise it would be refused later. */
  waitMsMax: number;
}

export interface Admission {
  readonly pendingJobs: number;
  readonly pendingBytes: number;
  /** Jobs refused since the start, by the limit that they met. */
  readonly refusals: Readonly<Refusals>;
  /**
   * Whether these jobs would exceed a limit. If so, they are counted as refused.
   *
   * @param waitMs how long they will wait for their first frame
   */
  refuses(jobs: number, bytes: number, waitMs: number): boolean;
  enter(jobs: number, bytes: number): void;
  /** Called when the outcomes of these jobs are known. */
  leave(jobs: number, bytes: number): void;
}

interface Refusals {
  pending_jobs: number;
  pending_bytes: number;
  expected_wait: number;
}

export function createAdmission({ pendingJobsMax, pendingBytesMax, waitMsMax }: AdmissionOptions): Admission {
  let pendingJobs = 0;
  let pendingBytes = 0;
  const refusals: Refusals = { pending_jobs: 0, pending_bytes: 0, expected_wait: 0 };

  function limitMet(jobs: number, bytes: number, waitMs: number): keyof Refusals | undefined {
    if (pendingJobs + jobs > pendingJobsMax) return 'pending_jobs';
    if (pendingBytes + bytes > pendingBytesMax) return 'pending_bytes';
    return waitMs > waitMsMax ? 'expected_wait' : undefined;
  }

  return {
    refusals,
    get pendingJobs() {
      return pendingJobs;
    },
    get pendingBytes() {
      return pendingBytes;
    },
    refuses(jobs, bytes, waitMs) {
      const limit = limitMet(jobs, bytes, waitMs);
      if (limit === undefined) return false;
      refusals[limit] += jobs;
      return true;
    },
    enter(jobs, bytes) {
      pendingJobs += jobs;
      pendingBytes += bytes;
    },
    leave(jobs, bytes) {
      pendingJobs -= jobs;
      pendingBytes -= bytes;
    },
  };
}
