// Reads the entries of a batch one by one: a bad entry never stops a good one. Each is checked by the type that its
// `operation` names; a loop of safeParse is faster than a schema of the array, and can say what is wrong with each.
import { AppError } from '../domain/errors.ts';
import { createJid } from '../domain/jid.ts';
import { createJob, type Job } from '../domain/job.ts';
import type { JobRegistry } from '../domain/job-type.ts';
import { cut } from './caller-text.ts';
import { createFlatReader } from './flat-form.ts';
import { describeIssues, toViolations, violationFields, violationsMax, type Violation } from './violations.ts';

export interface RejectedEntry {
  index: number;
  code: 'unknown_operation' | 'invalid_job';
  detail: string;
  /** One sentence for the answer's `errors`, in the original service's words. */
  error: string;
  /** A type's name, or `other`; a label of metrics. */
  operation: string;
  violations: Violation[];
}

/** A batch as it was read: its jobs, and the entries that are none, both in input order. */
export interface BatchEntries {
  total: number;
  jobs: Job[];
  rejected: RejectedEntry[];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The entries of the body, still unchecked. Rejects with `validation_failed` or `too_many_jobs`. */
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

export function createEntryReader(registry: JobRegistry): (entries: readonly unknown[]) => BatchEntries {
  const readFlat = createFlatReader(registry);
  const readEntry = (entry: unknown, index: number, nowMs: number): Job | RejectedEntry => {
    if (!isObject(entry)) return invalidEntry(index, 'other', [{ path: [], message: 'must be an object' }]);
    const { operation } = entry;
    if (typeof operation !== 'string') {
      return invalidEntry(index, 'other', [{ path: ['operation'], message: 'must be a string' }]);
    }
    const type = registry.byName(operation);
    if (type === undefined) return unknownOperation(index, operation);
    const reading = readFlat(type, entry);
    if (reading.success) return createJob(type, reading.args, createJid(nowMs));
    return invalidEntry(index, operation, reading.issues);
  };
  return (entries) => {
    const jobs: Job[] = [];
    const rejected: RejectedEntry[] = [];
    const nowMs = Date.now();
    for (const [index, entry] of entries.entries()) {
      const read = readEntry(entry, index, nowMs);
      if ('jid' in read) jobs.push(read);
      else rejected.push(read);
    }
    return { total: entries.length, jobs, rejected };
  };
}

function unknownOperation(index: number, operation: string): RejectedEntry {
  const error = cut(`Unknown operation: ${operation}`);
  const violations = [{ pointer: `/jobs/${index}/operation`, message: 'is not a known operation' }];
  return { index, code: 'unknown_operation', detail: error, error, operation: 'other', violations };
}

function invalidEntry(index: number, operation: string, issues: Parameters<typeof describeIssues>[0]): RejectedEntry {
  const detail = describeIssues(issues);
  const error = `Invalid job at index ${index}: ${detail}`;
  return { index, code: 'invalid_job', detail, error, operation, violations: toViolations(issues, `/jobs/${index}`) };
}

/** The first of their violations, and how many there are. */
export function collectViolations(rejected: readonly RejectedEntry[]): Record<string, unknown> {
  const total = rejected.reduce((sum, { violations }) => sum + violations.length, 0);
  // One entry has at least one violation.
  return violationFields(
    rejected.slice(0, violationsMax).flatMap(({ violations }) => violations),
    total,
  );
}
