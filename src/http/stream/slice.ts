// A slice: lines of a stream that are read and pushed together, like the entries of a batch. A line that is no JSON is rejected
// like any other bad entry.
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../../domain/clock.ts';
import type { Outcome, JobProducer } from '../../domain/producer.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { EntryOptions } from '../entries/entry.ts';
import { claimEntries } from '../once/claim-entries.ts';
import type { Once } from '../once/once.ts';
import { countRefusedByKeys } from '../once/refused-by-keys.ts';
import { readJson } from '../plugins/json-parser.ts';
import { AppError } from '../problems/errors.ts';
import { resultsOf } from '../routes/batch-response.ts';
import { createBatchReader, type BatchEntries } from '../routes/batch-entries.ts';
import { countJobs } from '../routes/batch.ts';
import type { BatchResult } from '../routes/schemas.ts';

export interface SliceOptions extends EntryOptions {
  producer: JobProducer;
  /** It must push to the same producer. */
  once: Once;
  metrics: Pick<Metrics, 'job'>;
  clock: Clock;
  enqueueTimeoutMs: number;
}

/** The outcome of one line. */
export interface LineResult extends Omit<BatchResult, 'index'> {
  line: number;
}

export interface PushedSlice {
  /** The number of lines that are not empty. */
  readonly lines: number;
  /** The bytes of their jobs. */
  readonly bytes: number;
  /** One result for each entry, in the order of the lines. Never rejects. */
  readonly results: Promise<readonly LineResult[]>;
}

/** @param first number of the first of these lines */
export type SlicePusher = (request: FastifyRequest, first: number, texts: readonly string[]) => PushedSlice;

/** Entries that are pushed in the same way, and the places of their results. */
interface Part {
  values: unknown[];
  places: number[];
}

/** White space of JSON. */
const empty = /^[ \t\r]*$/;

const notJson = {
  status: 'rejected',
  code: 'malformed_json',
  detail: 'The line is not JSON, or it holds a key like __proto__',
} as const;

/** True for entries with a key and for unique jobs, which need the store of keys. An entry with a wrong field may be among them. */
const isForOnce = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && ('key' in value || 'unique_for' in value);

export function createSlicePusher(options: SliceOptions): SlicePusher {
  const { producer, once, metrics, clock, enqueueTimeoutMs } = options;
  const readEntries = createBatchReader(options);

  async function outcomesOf(
    request: FastifyRequest,
    read: BatchEntries,
    deadlineMs: number,
  ): Promise<{ entries: BatchEntries; outcomes: readonly Outcome[] }> {
    if (read.keyed.length > 0) {
      const { entries, claimed } = await claimEntries(once.keys, request, read);
      return { entries, outcomes: await once.push(request, entries.jobs, deadlineMs, claimed) };
    }
    if (read.hasUnique) return { entries: read, outcomes: await once.push(request, read.jobs, deadlineMs) };
    return { entries: read, outcomes: read.jobs.length === 0 ? [] : await producer.pushBulk(read.jobs, deadlineMs) };
  }

  async function push(request: FastifyRequest, read: BatchEntries): Promise<readonly BatchResult[]> {
    try {
      const { entries, outcomes } = await outcomesOf(request, read, clock.now() + enqueueTimeoutMs);
      countJobs(metrics, entries, outcomes);
      return resultsOf(entries, outcomes);
    } catch (error) {
      return failAll(metrics, request, read, error);
    }
  }

  return (request, first, texts) => {
    const { results, parts } = sortLines(first, texts, () => metrics.job('other', 'rejected'));
    // All entries are read before any is pushed: when the reading throws, nothing was enqueued.
    const reads = parts.map(({ values, places }) => ({ read: readEntries(values, false), places }));
    const settled = reads.map(async ({ read, places }) => {
      for (const { index, ...result } of await push(request, read)) {
        const place = places[index] as number;
        results[place] = { line: (results[place] as LineResult).line, ...result };
      }
    });
    const jobs = reads.flatMap(({ read }) => read.jobs);
    return {
      lines: results.length,
      bytes: jobs.reduce((sum, { encodedBytes }) => sum + encodedBytes, 0),
      results: Promise.all(settled).then(() => results),
    };
  };
}

const noOutcome: Outcome = { kind: 'refused', code: 'overloaded', detail: '' };

/** Sorts the values of the lines by their way to the broker, and prepares a result for each line, which the outcomes complete. */
function sortLines(
  first: number,
  texts: readonly string[],
  onNotJson: () => void,
): { results: LineResult[]; parts: Part[] } {
  const results: LineResult[] = [];
  const plain: Part = { values: [], places: [] };
  const keyed: Part = { values: [], places: [] };
  for (const [offset, text] of texts.entries()) {
    if (empty.test(text)) continue;
    const line = first + offset;
    const read = readJson(text);
    if (read === undefined) {
      onNotJson();
      results.push({ line, ...notJson });
      continue;
    }
    const part = isForOnce(read.value) ? keyed : plain;
    part.values.push(read.value);
    part.places.push(results.length);
    results.push({ line, status: 'unknown' });
  }
  return { results, parts: [plain, keyed].filter(({ values }) => values.length > 0) };
}

/** The results of lines when the store of keys takes nothing, or when a bug has left their outcomes unknown. */
function failAll(
  metrics: SliceOptions['metrics'],
  request: FastifyRequest,
  read: BatchEntries,
  error: unknown,
): readonly BatchResult[] {
  if (!(error instanceof AppError)) {
    request.log.error({ err: error, request_id: request.id }, 'lines of a stream failed by a bug');
    const outcome: Outcome = { kind: 'unknown', code: 'outcome_unknown', detail: 'An error on our side' };
    const outcomes = read.jobs.map(() => outcome);
    countJobs(metrics, read, outcomes);
    return resultsOf(read, outcomes);
  }
  const { code, message: detail } = error;
  const status = code === 'keys_not_kept' ? 'rejected' : 'failed';
  countRefusedByKeys(metrics, read.jobs, error);
  for (const { operation } of read.rejected) metrics.job(operation, 'rejected');
  const results = resultsOf(
    { ...read, keyed: [] },
    read.jobs.map(() => noOutcome),
  );
  return results.map((result) =>
    result.status === 'rejected' ? result : { index: result.index, status, code, detail },
  );
}
