// The locks of unique jobs.
import type { FastifyRequest } from 'fastify';
import type { Job, Uniqueness } from '../../domain/job.ts';
import { lockHolder, lockOf, type Claim, type Settlement, type Verdict } from '../../domain/keys.ts';
import { enqueued, unknown, type Fate } from '../../domain/producer.ts';
import { lockName } from '../entries/uniqueness.ts';
import type { RequestKeys } from './request-keys.ts';

export interface Locked {
  /** Jobs to push: jobs that got their lock, and jobs that are not unique. */
  readonly jobs: readonly Job[];
  /** Turns the fates of these jobs into the fates of all jobs. */
  complete(fates: readonly Fate[]): readonly Fate[];
  settlementsOf(fates: readonly Fate[]): readonly Settlement[];
}

const outcomes = { enqueued: 'done', refused: 'refused', unknown: 'unknown' } as const;

/** Takes the locks of unique jobs; of two of one request the second shares the first one's fate. */
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
  const others = await Promise.all(verdicts.map((verdict) => fateBy(keys, verdict)));
  const locks = new Map<Job, Claim>();
  const decided = new Map<Job, Fate>();
  for (const [index, job] of locking.entries()) {
    const fate = others[index];
    if (fate) decided.set(job, fate);
    else locks.set(job, claims[index] as Claim);
  }
  for (const [job, claim] of locks)
    keys.store?.attach(claim, [job], ([fate]) => (fate?.outcome === 'enqueued' ? claim.answer : undefined));
  const left = jobs.filter((job) => !decided.has(job) && !followed.has(job));
  return {
    jobs: left,
    complete(fates) {
      const known = new Map(decided);
      for (const [index, job] of left.entries()) known.set(job, fates[index] as Fate);
      for (const [job, leader] of followed) known.set(job, followerFate(leader, known.get(leader) as Fate));
      return jobs.map((job) => known.get(job) as Fate);
    },
    settlementsOf: (fates) =>
      left.flatMap((job, index) => {
        const claim = locks.get(job);
        return claim ? [{ claim, outcome: outcomes[(fates[index] as Fate).outcome] }] : [];
      }),
  };
}

const followerFate = (leader: Job, fate: Fate): Fate =>
  fate.outcome === 'refused' ? fate : { ...fate, standIn: fate.standIn ?? leader.jid };

/** What another job makes of this one; undefined: it is to be pushed. */
async function fateBy(keys: RequestKeys, verdict: Verdict): Promise<Fate | undefined> {
  if (verdict.state === 'done') return { ...enqueued, standIn: lockHolder(verdict.answer) };
  if (verdict.state !== 'in_progress' && verdict.state !== 'unknown') return undefined;
  const [standIn = ''] = verdict.jids;
  if (verdict.state === 'in_progress')
    return { ...unknown('a job like it is on its way'), code: 'in_progress', standIn };
  if (await keys.areStored([standIn])) return { ...enqueued, standIn };
  return { ...unknown('whether a job like it was stored is not known'), standIn };
}
