// Makes the response to a batch from its entries and the outcomes of its jobs. It is 206 when a part is stored, and never 2xx
// when none is stored.
import type { ErrorCode } from '../problems/errors.ts';
import type { Job } from '../../domain/job.ts';
import type { Outcome, RefusalCode } from '../../domain/producer.ts';
import { collectViolations, type BatchEntries, type RejectedEntry } from './batch-entries.ts';
import { cut } from '../problems/caller-text.ts';
import type { FoundEntry } from '../once/entry-key.ts';
import { scheduledAt } from '../entries/entry.ts';
import { problemCodeOf } from './jobs.ts';
import type { Problem } from '../problems/problem.ts';
import type { AcceptedBatch, BatchResult, PartialBatch } from './schemas.ts';

type BatchResponse = { status: 202; body: AcceptedBatch } | { status: 206; body: PartialBatch } | { problem: Problem };

interface Tally {
  results: BatchResult[];
  errors: string[];
  counts: PartialBatch['counts'];
  refusals: Set<RefusalCode>;
}

/** @param outcomes one for each job, in their order */
export function createBatchResponse(entries: BatchEntries, outcomes: readonly Outcome[]): BatchResponse {
  const { total, jobs, rejected, found } = entries;
  if (rejected.length === 0 && found.length === 0 && outcomes.every(({ kind }) => kind === 'enqueued')) {
    const message = `Batch of ${total} jobs enqueued`;
    const body = { job_ids: jobs.map(({ jid }) => jid), message, count: total };
    if (jobs.every((job, index) => scheduledAt(job) === undefined && !isDuplicate(outcomes[index])))
      return { status: 202, body };
    return allEnqueued(jobs.map((job, index) => resultOfEnqueued(index, job, outcomes[index])));
  }
  const tally = tallyUp(entries, outcomes);
  const { counts } = tally;
  if (counts.enqueued === total) return allEnqueued(tally.results);
  const idsOf = (status: BatchResult['status']): string[] =>
    tally.results.flatMap((result) => (result.status === status ? [result.job_id as string] : []));
  const body: PartialBatch = {
    job_ids: idsOf('enqueued'),
    count: counts.enqueued,
    total_requested: total,
    message: `Enqueued ${counts.enqueued}/${total} jobs`,
    errors: tally.errors,
    outcome: 'partial',
    counts,
    results: tally.results,
  };
  if (counts.enqueued > 0) return { status: 206, body };
  const code = codeOfNoneStored(tally);
  // The ids that a caller may want to look for.
  if (code === 'outcome_unknown') body.job_ids = idsOf('unknown');
  return { problem: toProblem(code, rejected, body) };
}

/** Every entry is enqueued: by this request or by an earlier one. */
function allEnqueued(results: BatchResult[]): BatchResponse {
  const { length } = results;
  const job_ids = results.map(({ job_id }) => job_id as string);
  return { status: 202, body: { job_ids, message: `Batch of ${length} jobs enqueued`, count: length, results } };
}

/** The result of each entry, in input order. */
export const resultsOf = (entries: BatchEntries, outcomes: readonly Outcome[]): readonly BatchResult[] =>
  tallyUp(entries, outcomes).results;

function tallyUp({ total, jobs, rejected, found }: BatchEntries, outcomes: readonly Outcome[]): Tally {
  const tally: Tally = {
    results: [],
    errors: [],
    counts: { enqueued: 0, rejected: 0, failed: 0, unknown: 0 },
    refusals: new Set(),
  };
  let nextJob = 0;
  let nextRejected = 0;
  let nextFound = 0;
  for (let index = 0; index < total; index++) {
    let result: BatchResult;
    if (rejected[nextRejected]?.index === index) result = reject(rejected[nextRejected++] as RejectedEntry, tally);
    else if (found[nextFound]?.result.index === index) result = find(found[nextFound++] as FoundEntry, tally);
    else result = resultOf(index, jobs[nextJob] as Job, outcomes[nextJob++] as Outcome, tally);
    tally.counts[result.status] += 1;
    tally.results.push(result);
  }
  return tally;
}

function reject({ index, code, detail, error }: RejectedEntry, tally: Tally): BatchResult {
  tally.errors.push(error);
  return { index, status: 'rejected', code, detail };
}

function find({ result, error }: FoundEntry, tally: Tally): BatchResult {
  if (error !== undefined) tally.errors.push(error);
  return result;
}

const isDuplicate = (outcome: Outcome | undefined): boolean =>
  outcome?.kind === 'enqueued' && outcome.standIn !== undefined;

function resultOfEnqueued(index: number, job: Job, outcome: Outcome | undefined): BatchResult {
  if (outcome?.kind === 'enqueued' && outcome.standIn !== undefined)
    return { index, status: 'enqueued', job_id: outcome.standIn, duplicate: true };
  const at = scheduledAt(job);
  return { index, status: 'enqueued', job_id: job.jid, ...(at !== undefined && { at }) };
}

function resultOf(index: number, job: Job, outcome: Outcome, tally: Tally): BatchResult {
  if (outcome.kind === 'enqueued') return resultOfEnqueued(index, job, outcome);
  const detail = cut(outcome.detail);
  if (outcome.kind === 'unknown') {
    tally.errors.push(`Outcome unknown: ${detail}`);
    return { index, status: 'unknown', job_id: outcome.standIn ?? job.jid, code: outcome.code, detail };
  }
  tally.errors.push(`Failed to enqueue: ${detail}`);
  tally.refusals.add(outcome.code);
  return { index, status: 'failed', code: outcome.code, detail };
}

function codeOfNoneStored({ counts, refusals }: Tally): ErrorCode {
  if (counts.unknown > 0) return 'outcome_unknown';
  if (counts.failed === 0) return 'validation_failed';
  // Of several reasons the most general counts. When the broker is away, a retry at another process would meet the same broker.
  const order: readonly RefusalCode[] = ['broker_unavailable', 'broker_refused', 'overloaded', 'shutting_down'];
  return problemCodeOf(order.find((code) => refusals.has(code)) as RefusalCode);
}

function toProblem(code: ErrorCode, rejected: readonly RejectedEntry[], body: PartialBatch): Problem {
  const fields = {
    ...body,
    outcome: code === 'outcome_unknown' ? 'unknown' : 'not_enqueued',
    ...(code === 'validation_failed' && collectViolations(rejected)),
  };
  return { code, detail: body.message, fields };
}
