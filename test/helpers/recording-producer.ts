// A JobProducer without a broker: remembers every call, and answers each job as it was told to.
import type { Job } from '../../src/domain/job.ts';
import { enqueued, type Fate, type JobProducer } from '../../src/domain/producer.ts';

export interface RecordedCall {
  method: 'push' | 'pushBulk';
  jobs: readonly Job[];
  deadlineMs: number;
}

/** What becomes of a job; `hang` never answers. */
export type Decision = Fate | 'hang';

export interface RecordingProducer extends JobProducer {
  readonly calls: readonly RecordedCall[];
  /** All jobs of all calls. */
  readonly jobs: readonly Job[];
  /** From now on; the default is `enqueued` for all. */
  decide(decision: (job: Job, index: number) => Decision): void;
  /** Throws out of push and pushBulk, which no real producer may do. */
  breakWith(error: Error): void;
  answerPing(ping: () => Promise<void>): void;
  pings: number;
}

const hang = new Promise<never>(() => undefined);

export function createRecordingProducer(): RecordingProducer {
  const calls: RecordedCall[] = [];
  let decision: (job: Job, index: number) => Decision = () => enqueued;
  let bug: Error | undefined;
  let ping = async (): Promise<void> => undefined;

  const fatesOf = async (jobs: readonly Job[]): Promise<Fate[]> => {
    if (bug) throw bug;
    const decisions = jobs.map(decision);
    if (decisions.includes('hang')) return hang;
    return decisions as Fate[];
  };
  return {
    calls,
    get jobs() {
      return calls.flatMap((call) => call.jobs);
    },
    pings: 0,
    decide: (next) => void (decision = next),
    breakWith: (error) => void (bug = error),
    answerPing: (next) => void (ping = next),
    async push(job, deadlineMs) {
      calls.push({ method: 'push', jobs: [job], deadlineMs });
      const [fate] = await fatesOf([job]);
      return fate as Fate;
    },
    pushBulk(jobs, deadlineMs) {
      calls.push({ method: 'pushBulk', jobs, deadlineMs });
      return fatesOf(jobs);
    },
    ping() {
      this.pings += 1;
      return ping();
    },
    close: async () => undefined,
  };
}
