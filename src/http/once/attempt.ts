// Makes the claim of a request's key, and the settlement of the claim from the outcomes of the request's jobs.
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

/** The jobs of a request, read and checked, and how to make its response. */
export interface Attempt {
  readonly jobs: readonly Job[];
  /** @param outcomes one for each job */
  responseOf(outcomes: readonly Outcome[]): EnqueueResponse;
  /** Called once, with the outcomes of the jobs. */
  onOutcomes(outcomes: readonly Outcome[]): void;
}

/** True when all jobs are enqueued and none has a stand-in. Then the response is that of the claim. */
export const areEnqueued = (outcomes: readonly Outcome[]): boolean =>
  outcomes.every((outcome) => outcome.kind === 'enqueued' && outcome.standIn === undefined);
/** The unknown outcome of a stand-in does not count. */
const isUnknown = (outcome: Outcome | undefined): boolean =>
  outcome?.kind === 'unknown' && outcome.standIn === undefined;
export const encodeResponse = ({ status, body }: Extract<EnqueueResponse, { status: number }>): KeptResponse => ({
  status,
  body: JSON.stringify(body),
});
export const keptOf = (response: EnqueueResponse): KeptResponse | undefined =>
  'problem' in response ? undefined : encodeResponse(response);

/** The claim of a request. A refused request claims nothing; it looks for the response of an earlier request with its key. */
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
