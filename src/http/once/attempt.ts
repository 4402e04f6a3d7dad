// What a request with a key asks for, as a claim, and what became of it, as a settlement of the claim.
import type { FastifyRequest } from 'fastify';
import type { Job } from '../../domain/job.ts';
import type { Claim, KeptAnswer, Settlement } from '../../domain/keys.ts';
import { enqueued, type Outcome } from '../../domain/producer.ts';
import type { EntryKey } from './entry-key.ts';
import { AppError } from '../problems/errors.ts';
import { fingerprintOf, idOf, readKeyHeader } from './idempotency-key.ts';
import type { Problem } from '../problems/problem.ts';

export type Answered = { readonly status: number; readonly body: object } | { readonly problem: Problem };

/** What a request asks for, read and checked. */
export interface Attempt {
  readonly jobs: readonly Job[];
  /** @param outcomes one for each job */
  answerOf(outcomes: readonly Outcome[]): Answered;
  /** Called once, with what became of the jobs. */
  onOutcomes(outcomes: readonly Outcome[]): void;
}

/** All of them themselves, so that the answer is the claim's. */
export const areEnqueued = (outcomes: readonly Outcome[]): boolean =>
  outcomes.every((outcome) => outcome.kind === 'enqueued' && outcome.standIn === undefined);
/** Another job's does not count. */
const isUnknown = (outcome: Outcome | undefined): boolean =>
  outcome?.kind === 'unknown' && outcome.standIn === undefined;
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
  outcomes: readonly Outcome[],
  answerOf: (outcomes: readonly Outcome[]) => KeptAnswer | undefined,
): Settlement {
  if (areEnqueued(outcomes)) return { claim, outcome: 'done' };
  const answer = answerOf(outcomes);
  if (answer !== undefined) return { claim, outcome: 'done', answer };
  const jids = jobs.filter((_, index) => isUnknown(outcomes[index])).map(({ jid }) => jid);
  if (jids.length === 0) return { claim, outcome: 'refused' };
  const ifStored = answerOf(outcomes.map((outcome) => (isUnknown(outcome) ? enqueued : outcome)));
  return { claim, outcome: 'unknown', jids, answer: ifStored as KeptAnswer };
}
