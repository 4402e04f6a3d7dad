// A JobProducer without a broker: remembers every call, and answers each job as it was told to.
import type { Job } from '../../src/domain/job.ts';
import { enqueued, type Outcome, type JobProducer } from '../../src/domain/producer.ts';

export interface RecordedCall {
  method: 'push' | 'pushBulk';
  jobs: readonly Job[];
  deadlineMs: number;
}

/** What becomes of a job; `hang` never answers. */
export type Decision = Outcome | 'hang';

export interface RecordingProducer extends JobProducer {
  readonly calls: readonly RecordedCall[];
  /** All jobs of all calls. */
  readonly jobs: readonly Job[];
  /** From now on; the default is `enqueued` for all. */
  decide(decision: (job: Job, index: number) => Decision): void;
  /** Throws out of push and pushBulk, which no real producer may do. */
  breakWith(error: Error): void;
  onPing(ping: () => Promise<void>): void;
  pings: number;
}

const hang = new Promise<never>(() => undefined);

export function createRecordingProducer(): RecordingProducer {
  const calls: RecordedCall[] = [];
  let decision: (job: Job, index: number) => Decision = () => enqueued;
  let bug: Error | undefined;
  let ping = async (): Promise<void> => undefined;

  const outcomesOf = async (jobs: readonly Job[]): Promise<Outcome[]> => {
    if (bug) throw bug;
    const decisions = jobs.map(decision);
    if (decisions.includes('hang')) return hang;
    return decisions as Outcome[];
  };
  return {
    calls,
    get jobs() {
      return calls.flatMap((call) => call.jobs);
    },
    pings: 0,
    decide: (next) => void (decision = next),
    breakWith: (error) => void (bug = error),
    onPing: (next) => void (ping = next),
    async push(job, deadlineMs) {
      calls.push({ method: 'push', jobs: [job], deadlineMs });
      const [outcome] = await outcomesOf([job]);
      return outcome as Outcome;
    },
    pushBulk(jobs, deadlineMs) {
      calls.push({ method: 'pushBulk', jobs, deadlineMs });
      return outcomesOf(jobs);
    },
    ping() {
      this.pings += 1;
      return ping();
    },
    close: async () => undefined,
  };
}
