// What a request with a key asks for, as a claim, and what became of it, as a settlement of the claim.
import type { FastifyRequest } from 'fastify';
import type { Job } from '../../domain/job.ts';
import type { Claim, KeptAnswer, Settlement } from '../../domain/keys.ts';
import { enqueued, type Fate } from '../../domain/producer.ts';
import type { EntryKey } from './entry-key.ts';
import { AppError } from '../problems/errors.ts';
import { fingerprintOf, idOf, readKeyHeader } from './idempotency-key.ts';
import type { Problem } from '../problems/problem.ts';

export type Answered = { readonly status: number; readonly body: object } | { readonly problem: Problem };

/** What a request asks for, read and checked. */
export interface Attempt {
  readonly jobs: readonly Job[];
  /** @param fates one for each job */
  answerOf(fates: readonly Fate[]): Answered;
  /** Called once, with what became of the jobs. */
  onFates(fates: readonly Fate[]): void;
}

/** All of them themselves, so that the answer is the claim's. */
export const areEnqueued = (fates: readonly Fate[]): boolean =>
  fates.every((fate) => fate.outcome === 'enqueued' && fate.standIn === undefined);
/** Another job's does not count. */
const isUnknown = (fate: Fate | undefined): boolean => fate?.outcome === 'unknown' && fate.standIn === undefined;
export const keep = ({ status, body }: Extract<Answered, { status: number }>): KeptAnswer => ({
  status,
  body: JSON.stringify(body),
});
export const keptOf = (answered: Answered): KeptAnswer | undefined =>
  'problem' in answered ? undefined : keep(answered);

/** A request that was not accepted claims nothing: what it repeats may have been. */
export function claimOf(request: FastifyRequest, attempt: Attempt | AppError, entryKey: EntryKey | undefined): Claim {
  const id = entryKey ? idOf(request, 'entry', entryKey.key) : idOf(request, 'header', readKeyHeader(request));
  const fingerprint = entryKey ? entryKey.fingerprint : (fingerprintOf(request) as Buffer);
  if (attempt instanceof AppError || attempt.jobs.length === 0)
    return { id, fingerprint, jids: [], answer: { status: 0, body: '' } };
  const { jobs, answerOf } = attempt;
  const answer = keptOf(answerOf(jobs.map(() => enqueued))) as KeptAnswer;
  return { id, fingerprint, jids: jobs.map(({ jid }) => jid), answer };
}

export function settlementOf(
  claim: Claim,
  jobs: readonly Job[],
  fates: readonly Fate[],
  answerOf: (fates: readonly Fate[]) => KeptAnswer | undefined,
): Settlement {
  if (areEnqueued(fates)) return { claim, outcome: 'done' };
  const answer = answerOf(fates);
  if (answer !== undefined) return { claim, outcome: 'done', answer };
  const jids = jobs.filter((_, index) => isUnknown(fates[index])).map(({ jid }) => jid);
  if (jids.length === 0) return { claim, outcome: 'refused' };
  const ifStored = answerOf(fates.map((fate) => (isUnknown(fate) ? enqueued : fate)));
  return { claim, outcome: 'unknown', jids, answer: ifStored as KeptAnswer };
}
