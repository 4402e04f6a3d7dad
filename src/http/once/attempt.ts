// From a request with a key to the claim of the key, and from the outcomes of its jobs to the settlement of the claim.
import type { FastifyRequest } from 'fastify';
import type { Digest } from '../../domain/digest.ts';
import type { Job } from '../../domain/job.ts';
import type { Claim, KeptResponse, Settlement } from '../../domain/keys.ts';
import { enqueued, type Outcome } from '../../domain/producer.ts';
import type { EntryKey } from './entry-key.ts';
import { AppError } from '../problems/errors.ts';
import { fingerprintOf, idOf, readKeyHeader } from './idempotency-key.ts';
import type { Problem } from '../problems/problem.ts';

export type EnqueueResponse = { readonly status: number; readonly body: object } | { readonly problem: Problem };

/** The jobs of a request, read and checked, and how it is responded to. */
export interface Attempt {
  readonly jobs: readonly Job[];
  /** @param outcomes one for each job */
  responseOf(outcomes: readonly Outcome[]): EnqueueResponse;
  /** Called once, with the outcomes of the jobs. */
  onOutcomes(outcomes: readonly Outcome[]): void;
}

/** All jobs are enqueued and no other job stands in, so the response is the claim's. */
export const areEnqueued = (outcomes: readonly Outcome[]): boolean =>
  outcomes.every((outcome) => outcome.kind === 'enqueued' && outcome.standIn === undefined);
/** The unknown outcome of a job that stands in does not count. */
const isUnknown = (outcome: Outcome | undefined): boolean =>
  outcome?.kind === 'unknown' && outcome.standIn === undefined;
export const encodeResponse = ({ status, body }: Extract<EnqueueResponse, { status: number }>): KeptResponse => ({
  status,
  body: JSON.stringify(body),
});
export const keptOf = (response: EnqueueResponse): KeptResponse | undefined =>
  'problem' in response ? undefined : encodeResponse(response);

/** A refused request claims nothing, and looks for the response of an earlier request with its key. */
export function claimOf(request: FastifyRequest, attempt: Attempt | AppError, entryKey: EntryKey | undefined): Claim {
  const id = entryKey ? idOf(request, 'entry', entryKey.key) : idOf(request, 'header', readKeyHeader(request));
  const fingerprint = entryKey ? entryKey.fingerprint : (fingerprintOf(request) as Digest);
  if (attempt instanceof AppError || attempt.jobs.length === 0)
    return { id, fingerprint, jids: [], response: { status: 0, body: '' } };
  const { jobs, responseOf } = attempt;
  const response = keptOf(responseOf(jobs.map(() => enqueued))) as KeptResponse;
  return { id, fingerprint, jids: jobs.map(({ jid }) => jid), response };
}

export function settlementOf(
  claim: Claim,
  jobs: readonly Job[],
  outcomes: readonly Outcome[],
  responseOf: (outcomes: readonly Outcome[]) => KeptResponse | undefined,
): Settlement {
  if (areEnqueued(outcomes)) return { claim, outcome: 'done' };
  const response = responseOf(outcomes);
  if (response !== undefined) return { claim, outcome: 'done', response };
  const jids = jobs.filter((_, index) => isUnknown(outcomes[index])).map(({ jid }) => jid);
  if (jids.length === 0) return { claim, outcome: 'refused' };
  const ifStored = responseOf(outcomes.map((outcome) => (isUnknown(outcome) ? enqueued : outcome)));
  return { claim, outcome: 'unknown', jids, response: ifStored as KeptResponse };
}
