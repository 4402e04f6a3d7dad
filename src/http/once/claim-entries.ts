// Claims for the entries of a batch that have a key, and the kept responses of repeated entries.
import type { FastifyRequest } from 'fastify';
import type { Job } from '../../domain/job.ts';
import { settledAs, type Claim, type KeptResponse, type Settlement, type Verdict } from '../../domain/keys.ts';
import type { Outcome } from '../../domain/producer.ts';
import { scheduledAt } from '../entries/entry.ts';
import type { BatchEntries, RejectedEntry } from '../routes/batch-entries.ts';
import type { BatchResult } from '../routes/schemas.ts';
import type { FoundEntry, KeyedEntry } from './entry-key.ts';
import { idOf } from './idempotency-key.ts';
import type { RequestKeys } from './request-keys.ts';
import type { Claimed } from './settled-push.ts';

/** The fields of an enqueued entry in the response of a batch. */
type EnqueuedEntry = Pick<BatchResult, 'job_id' | 'at' | 'duplicate'>;

function keptOf(job: Job): KeptResponse {
  const entry: EnqueuedEntry = { job_id: job.jid, at: scheduledAt(job) };
  return { status: 202, body: JSON.stringify(entry) };
}

function claimOf(request: FastifyRequest, { key, fingerprint, job }: KeyedEntry): Claim {
  const id = idOf(request, 'entry', key);
  const response = job ? keptOf(job) : { status: 0, body: '' };
  return { id, fingerprint, jids: job ? [job.jid] : [], response };
}

export interface ClaimedEntries {
  /** The entries to push: without those whose response was kept. */
  entries: BatchEntries;
  claimed: Claimed;
}

/** Rejects with the failure of the whole request when the store of keys takes nothing. */
export async function claimEntries(
  keys: RequestKeys,
  request: FastifyRequest,
  entries: BatchEntries,
): Promise<ClaimedEntries> {
  const { keyed } = entries;
  const claims = keyed.map((entry) => claimOf(request, entry));
  const verdicts = await keys.claim(request, claims);
  const claimed = new Map<Job, Claim>();
  const reused: RejectedEntry[] = [];
  const earlier: { index: number; verdict: Earlier }[] = [];
  for (const [place, { index, job }] of keyed.entries()) {
    const [claim, verdict] = [claims[place] as Claim, verdicts[place] as Verdict];
    if (verdict.state === 'absent') continue;
    keys.count(request, verdict.state === 'done' ? 'replayed' : verdict.state, claim.jids);
    if (verdict.state === 'claimed') claimed.set(job as Job, claim);
    else if (verdict.state === 'reused') reused.push(reusedEntry(index));
    else earlier.push({ index, verdict });
  }
  const found = await Promise.all(earlier.map(({ index, verdict }) => responseOf(keys, index, verdict)));
  const left = leaveOut(entries, claimed, found, reused);
  return {
    entries: left,
    claimed: {
      settlementsOf: (outcomes) =>
        left.jobs.flatMap((job, index) => {
          const claim = claimed.get(job);
          return claim ? [settlementOf(claim, outcomes[index] as Outcome)] : [];
        }),
      onLocked(pushed) {
        for (const job of pushed) {
          const claim = claimed.get(job);
          if (claim)
            keys.store?.attach(claim, [job], ([outcome]) =>
              outcome?.kind === 'enqueued' ? claim.response : undefined,
            );
        }
      },
    },
  };
}

/** An entry with a stand-in has pushed nothing: it is a duplicate, or its key is free again. */
function settlementOf(claim: Claim, outcome: Outcome): Settlement {
  if (outcome.kind === 'refused' || outcome.standIn === undefined) return { claim, outcome: settledAs[outcome.kind] };
  if (outcome.kind === 'unknown') return { claim, outcome: 'refused' };
  const duplicate: EnqueuedEntry = { job_id: outcome.standIn, duplicate: true };
  return { claim, outcome: 'done', response: { status: 202, body: JSON.stringify(duplicate) } };
}

function leaveOut(
  { total, jobs, rejected, keyed, hasUnique }: BatchEntries,
  claimed: ReadonlyMap<Job, Claim>,
  found: readonly FoundEntry[],
  reused: readonly RejectedEntry[],
): BatchEntries {
  const unclaimed = new Set(keyed.flatMap(({ job }) => (job && !claimed.has(job) ? [job] : [])));
  const decided = new Set([...found.map(({ result }) => result.index), ...reused.map(({ index }) => index)]);
  return {
    total,
    jobs: jobs.filter((job) => !unclaimed.has(job)),
    rejected: [...rejected.filter(({ index }) => !decided.has(index)), ...reused].sort(byIndex),
    keyed,
    hasUnique,
    found: [...found],
  };
}

const byIndex = (one: { index: number }, other: { index: number }): number => one.index - other.index;

function reusedEntry(index: number): RejectedEntry {
  const detail = 'This key was sent before, with another entry';
  const violations = [{ pointer: `/jobs/${index}/key`, message: detail }];
  return { index, code: 'key_reused', detail, error: detail, operation: 'other', violations };
}

type Earlier = Extract<Verdict, { state: 'done' | 'in_progress' | 'unknown' }>;

async function responseOf(keys: RequestKeys, index: number, verdict: Earlier): Promise<FoundEntry> {
  const { state } = verdict;
  if (state === 'done' || (state === 'unknown' && (await keys.areStored(verdict.jids)))) {
    const entry = JSON.parse(verdict.response.body) as EnqueuedEntry;
    return { result: { index, status: 'enqueued', ...entry, replayed: true } };
  }
  const [code, detail] =
    state === 'in_progress'
      ? ['in_progress', 'Another entry with this key is under way']
      : ['outcome_unknown', 'It is not known whether the first entry with this key was stored'];
  const result = { index, status: 'unknown' as const, job_id: verdict.jids[0], code, detail };
  return { result, error: `Outcome unknown: ${detail}` };
}
