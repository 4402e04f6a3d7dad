// PUSH and PUSHB. A PUSHB whose jobs are all well and go to one queue is stored as the bytes that came in.
import { parseRfc3339 } from '../clock.ts';
import type { Engine } from '../engine.ts';
import { defaultQueue, formatJob, jobProblem, parsePush, queueOf, type WireJob } from '../queues/job.ts';
import type { BrokerLimits } from '../limits.ts';

export interface Push {
  /** Throws the text of the refusal. */
  one(line: Buffer): void;
  /** Returns jid -> why for the refused; throws when all are. */
  array(line: Buffer): Map<string, string>;
  /**
   * Jobs that this program has made, as JSON, of the default queue and at once: nothing of them is looked into. Throws when
   * they are refused.
   */
  own(jobs: readonly string[]): void;
}

interface PushOptions {
  engine: Engine;
  limits: BrokerLimits;
  nowMs: () => number;
}

export function createPush({ engine, limits, nowMs }: PushOptions): Push {
  function checkRoom(jobs: number): void {
    const state = engine.state();
    const held = state.queued() + state.scheduled.record().count + state.retries.record().count;
    if (held + jobs > limits.jobsMax)
      throw new Error(`not stored: the broker holds ${held} jobs, its limit is ${limits.jobsMax}`);
  }

  const isLater = (job: WireJob): boolean => Boolean(job.at) && (parseRfc3339(job.at as string) ?? 0) > nowMs();

  function problemOf(job: WireJob): string | undefined {
    const problem = jobProblem(job);
    if (problem !== undefined) return problem;
    return queueProblem(queueOf(job));
  }

  function queueProblem(name: string): string | undefined {
    const { queues } = engine.state();
    return queues.size < limits.queuesMax || queues.has(name)
      ? undefined
      : `not stored: the broker has ${queues.size} queues, its limit`;
  }

  function enqueue(name: string, line: Buffer, jobs: readonly (WireJob | string)[]): void {
    const queue = engine.state().queue(name);
    queue.append(line, jobs);
    engine.delivery.serve(queue);
  }

  function store(job: WireJob, line: Buffer): void {
    if (isLater(job))
      engine.state().scheduled.add(parseRfc3339(job.at as string) as number, formatJob(job, nowMs(), undefined));
    else enqueue(queueOf(job), line, [job]);
  }

  function storeEach(jobs: readonly WireJob[]): Map<string, string> {
    const refused = new Map<string, string>();
    // All before the first is stored: what throws must refuse the whole. Fields that Faktory does not keep are not
    // looked into, as in its decoder, and may be nested deeper than can be formatted.
    const lines = jobs.map((job) => Buffer.from(formatJob(job, nowMs(), undefined)));
    for (const [index, job] of jobs.entries()) {
      const problem = problemOf(job);
      if (problem === undefined) store(job, lines[index] as Buffer);
      else refused.set(job.jid ?? '', problem);
    }
    return refused;
  }

  return {
    one(line) {
      const [job] = parsePush(line.toString(), 'one') as [WireJob];
      const problem = problemOf(job);
      if (problem !== undefined) throw new Error(problem);
      checkRoom(1);
      store(job, line);
    },
    array(line) {
      const jobs = parsePush(line.toString(), 'array');
      if (jobs.length > limits.bulkJobsMax) {
        throw new Error(`not stored: a PUSHB takes at most ${limits.bulkJobsMax} jobs, this one has ${jobs.length}`);
      }
      checkRoom(jobs.length);
      const [first] = jobs;
      if (!first) return new Map();
      const name = queueOf(first);
      const asReceived = jobs.every((job) => queueOf(job) === name && problemOf(job) === undefined && !isLater(job));
      if (!asReceived) return storeEach(jobs);
      enqueue(name, line, jobs);
      return new Map();
    },
    own(jobs) {
      checkRoom(jobs.length);
      const problem = queueProblem(defaultQueue);
      if (problem !== undefined) throw new Error(problem);
      enqueue(defaultQueue, Buffer.from(`[${jobs.join(',')}]`), jobs);
    },
  };
}
