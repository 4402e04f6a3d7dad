// Reads the entries of a batch one by one: a bad entry never stops a good one. Each is checked by its own type. A loop of
// safeParse is faster than a schema of the array, and its issues belong to an entry.
import { AppError } from '../problems/errors.ts';
import type { Job } from '../../domain/job.ts';
import { isObject } from '../../domain/json-structure.ts';
import { createEntryReader, createJobMaker, type EntryOptions } from '../entries/entry.ts';
import { keyBesideHeader, readEntryKey, type FoundEntry, type KeyedEntry } from '../once/entry-key.ts';
import type { Refusal } from '../entries/explicit-form.ts';
import {
  describeIssues,
  toViolations,
  violationFields,
  violationsMax,
  type Violation,
} from '../problems/violations.ts';

export interface RejectedEntry {
  index: number;
  code: Refusal['code'] | 'key_reused';
  detail: string;
  /** A sentence for the response's `errors`, as the original service wrote it. */
  error: string;
  /** A type's name, or `other`; a label of metrics. */
  operation: string;
  violations: Violation[];
}

/** A batch as it was read, each list in input order: jobs, rejected entries, entries with a key, and replayed entries. */
export interface BatchEntries {
  total: number;
  jobs: Job[];
  rejected: RejectedEntry[];
  keyed: KeyedEntry[];
  hasUnique: boolean;
  found: FoundEntry[];
}

/** The entries of the body, not yet checked. Throws `validation_failed` or `too_many_jobs`. */
export function readEnvelope(body: unknown, jobsMax: number): readonly unknown[] {
  if (body === undefined) throw new AppError('malformed_json', 'The body is empty');
  const jobs = isObject(body) ? body['jobs'] : undefined;
  if (!Array.isArray(jobs)) throw badEnvelope(isObject(body) ? '/jobs' : '', 'must be an object with an array "jobs"');
  if (jobs.length === 0) throw badEnvelope('/jobs', `must have 1 to ${jobsMax} entries in "jobs"`);
  if (jobs.length > jobsMax) {
    const detail = `A batch may have ${jobsMax} jobs; this one has ${jobs.length}`;
    throw new AppError('too_many_jobs', detail, { limit_jobs: jobsMax });
  }
  return jobs;
}

const badEnvelope = (pointer: string, message: string): AppError =>
  new AppError('validation_failed', `The body ${message}`, violationFields([{ pointer, message }], 1));

/** @param hasKey the request itself has a key */
export type BatchReader = (entries: readonly unknown[], hasKey: boolean) => BatchEntries;

export function createBatchReader(options: EntryOptions): BatchReader {
  const readEntry = createEntryReader(options);
  const maker = createJobMaker(options);
  return (entries, hasKey) => {
    const keyed: KeyedEntry[] = [];
    let hasUnique = false;
    const jobs: Job[] = [];
    const rejected: RejectedEntry[] = [];
    const nowMs = Date.now();
    for (const [index, entry] of entries.entries()) {
      const key = readEntryKey(entry);
      const read = readEntry(entry, nowMs);
      const order = key && hasKey && !('code' in read) ? besideHeader : read;
      const job = 'code' in order ? undefined : maker.makeOrdered(order, nowMs);
      if ('code' in order) rejected.push(reject(index, order));
      if (job) jobs.push(job);
      if (job?.unique !== undefined) hasUnique = true;
      if (key && !hasKey) keyed.push({ ...key, index, job });
    }
    return { total: entries.length, jobs, rejected, keyed, hasUnique, found: [] };
  };
}

const besideHeader: Refusal = { code: 'validation_failed', operation: 'other', issues: [keyBesideHeader] };

function reject(index: number, { code, operation, issues, detail }: Refusal): RejectedEntry {
  const violations = toViolations(issues, `/jobs/${index}`);
  if (detail !== undefined) return { index, code, detail, error: detail, operation, violations };
  const description = describeIssues(issues);
  const error = `Invalid job at index ${index}: ${description}`;
  return { index, code, detail: description, error, operation, violations };
}

/** The first violations, and how many there are. */
export function collectViolations(rejected: readonly RejectedEntry[]): Record<string, unknown> {
  const total = rejected.reduce((sum, { violations }) => sum + violations.length, 0);
  // Each entry has at least one violation.
  return violationFields(
    rejected.slice(0, violationsMax).flatMap(({ violations }) => violations),
    total,
  );
}
