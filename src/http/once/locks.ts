// Takes the locks of unique jobs before the push, and settles them after it.
import type { FastifyRequest } from 'fastify';
import type { Job, Uniqueness } from '../../domain/job.ts';
import { lockHolder, lockOf, settledAs, type Claim, type Settlement, type Verdict } from '../../domain/keys.ts';
import { enqueued, unknown, type Outcome } from '../../domain/producer.ts';
import { lockName } from '../entries/uniqueness.ts';
import type { RequestKeys } from './request-keys.ts';

export interface Locked {
  /** Jobs to push: jobs that got their lock, and jobs that are not unique. */
  readonly jobs: readonly Job[];
  /** Turns the outcomes of these jobs into the outcomes of all jobs. */
  complete(outcomes: readonly Outcome[]): readonly Outcome[];
  settlementsOf(outcomes: readonly Outcome[]): readonly Settlement[];
}

/** Takes the locks of unique jobs. Of two jobs of one request with the same lock, the second shares the outcome of the first. */
export async function lockJobs(keys: RequestKeys, request: FastifyRequest, jobs: readonly Job[]): Promise<Locked> {
  const leaders = new Map<string, Job>();
  const followed = new Map<Job, Job>();
  for (const job of jobs) {
    if (job.unique === undefined) continue;
    const leader = leaders.get(lockName(job.unique));
    if (leader) followed.set(job, leader);
    else leaders.set(lockName(job.unique), job);
  }
  const locking = [...leaders.values()];
  const claims = locking.map(({ jid, unique: lock }) => lockOf((lock as Uniqueness).id, jid, (lock as Uniqueness).ms));
  const verdicts = await keys.claim(request, claims);
  const others = await Promise.all(verdicts.map((verdict) => outcomeBy(keys, verdict)));
  const locks = new Map<Job, Claim>();
  const decided = new Map<Job, Outcome>();
  for (const [index, job] of locking.entries()) {
    const outcome = others[index];
    if (outcome) decided.set(job, outcome);
    else locks.set(job, claims[index] as Claim);
  }
  for (const [job, claim] of locks)
    keys.store?.attach(claim, [job], ([outcome]) => (outcome?.kind === 'enqueued' ? claim.response : undefined));
  const left = jobs.filter((job) => !decided.has(job) && !followed.has(job));
  return {
    jobs: left,
    complete(outcomes) {
      const known = new Map(decided);
      for (const [index, job] of left.entries()) known.set(job, outcomes[index] as Outcome);
      for (const [job, leader] of followed) known.set(job, followerOutcome(leader, known.get(leader) as Outcome));
      return jobs.map((job) => known.get(job) as Outcome);
    },
    settlementsOf: (outcomes) =>
      left.flatMap((job, index) => {
        const claim = locks.get(job);
        return claim ? [{ claim, outcome: settledAs[(outcomes[index] as Outcome).kind] }] : [];
      }),
  };
}

const followerOutcome = (leader: Job, outcome: Outcome): Outcome =>
  outcome.kind === 'refused' ? outcome : { ...outcome, standIn: outcome.standIn ?? leader.jid };

/** The outcome of a job whose lock another job has; undefined: it has the lock, and is to be pushed. */
async function outcomeBy(keys: RequestKeys, verdict: Verdict): Promise<Outcome | undefined> {
  if (verdict.state === 'done') return { ...enqueued, standIn: lockHolder(verdict.response) };
  if (verdict.state !== 'in_progress' && verdict.state !== 'unknown') return undefined;
  const [standIn = ''] = verdict.jids;
  if (verdict.state === 'in_progress')
    return { ...unknown('a job like it is on its way'), code: 'in_progress', standIn };
  if (await keys.areStored([standIn])) return { ...enqueued, standIn };
  return { ...unknown('it is not known whether a job like it was stored'), standIn };
}
