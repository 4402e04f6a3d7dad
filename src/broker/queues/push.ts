// Checks jobs that come in, then schedules them or puts them into their queue. An array whose jobs are all accepted and go to one
// queue is stored as the bytes that were received.
import { parseRfc3339 } from '../clock.ts';
import type { Engine } from '../engine.ts';
import type { BrokerLimits } from '../limits.ts';
import { defaultQueue, formatJob, jobProblem, parsePush, queueOf, type FaktoryJob } from './job.ts';

export interface Push {
  /** Throws the text of the refusal. */
  one(line: Buffer): void;
  /** Returns jid -> reason for each refused job; throws when all are refused. */
  array(line: Buffer): Map<string, string>;
  /**
   * Takes jobs as JSON that this program has made itself, for the default queue and at once. They are not checked. Throws when
   * they are refused.
   */
  own(jobs: readonly string[]): void;
}

interface PushOptions {
  engine: Engine;
  limits: BrokerLimits;
  nowMs: () => number;
}

export function createPush(options: PushOptions): Push {
  const { engine, limits, nowMs } = options;

  function store(job: FaktoryJob, line: Buffer): void {
    if (isLater(job, nowMs()))
      engine.state().scheduled.add(parseRfc3339(job.at as string) as number, formatJob(job, nowMs(), undefined));
    else enqueue(engine, queueOf(job), line, [job]);
  }

  function storeEach(jobs: readonly FaktoryJob[]): Map<string, string> {
    const refused = new Map<string, string>();
    // All jobs are formatted before the first is stored, because an error must refuse the whole PUSHB. Fields that Faktory does
    // not keep are not checked, and may be nested too deep to be formatted.
    const lines = jobs.map((job) => Buffer.from(formatJob(job, nowMs(), undefined)));
    for (const [index, job] of jobs.entries()) {
      const problem = problemOf(options, job);
      if (problem === undefined) store(job, lines[index] as Buffer);
      else refused.set(job.jid ?? '', problem);
    }
    return refused;
  }

  return {
    one(line) {
      const [job] = parsePush(line.toString(), 'one') as [FaktoryJob];
      const problem = problemOf(options, job);
      if (problem !== undefined) throw new Error(problem);
      checkRoom(options, 1);
      store(job, line);
    },
    array(line) {
      const jobs = parsePush(line.toString(), 'array');
      if (jobs.length > limits.bulkJobsMax) {
        throw new Error(`not stored: a PUSHB takes at most ${limits.bulkJobsMax} jobs, this one has ${jobs.length}`);
      }
      checkRoom(options, jobs.length);
      const [first] = jobs;
      if (!first) return new Map();
      const name = queueOf(first);
      const now = nowMs();
      const asReceived = jobs.every(
        (job) => queueOf(job) === name && problemOf(options, job) === undefined && !isLater(job, now),
      );
      if (!asReceived) return storeEach(jobs);
      enqueue(engine, name, line, jobs);
      return new Map();
    },
    own(jobs) {
      checkRoom(options, jobs.length);
      const problem = queueProblem(options, defaultQueue);
      if (problem !== undefined) throw new Error(problem);
      enqueue(engine, defaultQueue, Buffer.from(`[${jobs.join(',')}]`), jobs);
    },
  };
}

function checkRoom({ engine, limits }: PushOptions, jobs: number): void {
  const state = engine.state();
  const held = state.queued() + state.scheduled.record().count + state.retries.record().count;
  if (held + jobs > limits.jobsMax)
    throw new Error(`not stored: the broker holds ${held} jobs, its limit is ${limits.jobsMax}`);
}

const problemOf = (options: PushOptions, job: FaktoryJob): string | undefined =>
  jobProblem(job) ?? queueProblem(options, queueOf(job));

function queueProblem({ engine, limits }: PushOptions, name: string): string | undefined {
  const { queues } = engine.state();
  return queues.size < limits.queuesMax || queues.has(name)
    ? undefined
    : `not stored: the broker has ${queues.size} queues, its limit`;
}

const isLater = ({ at }: FaktoryJob, nowMs: number): boolean =>
  Boolean(at) && (parseRfc3339(at as string) ?? 0) > nowMs;

function enqueue(engine: Engine, name: string, line: Buffer, jobs: readonly (FaktoryJob | string)[]): void {
  const queue = engine.state().queue(name);
  queue.append(line, jobs);
  engine.handOut.toWaiters(queue);
}
