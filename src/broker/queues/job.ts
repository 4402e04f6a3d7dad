// A job as clients send it and as workers get it. The checks have the order and the texts of contribsys/faktory v1.9.4
// (manager/manager.go and Go's JSON decoder), because clients know and classify them.
import { parseRfc3339, rfc3339 } from '../clock.ts';
import { goProblem, goStruct, isObject, kindOf, withGoNames } from '../protocol/go-json.ts';

export interface JobFailure {
  failed_at: string;
  next_at?: string | undefined;
  message: string;
  errtype: string;
  backtrace?: string[] | undefined;
  retry_count: number;
  remaining: number;
}

/** The fields that Faktory keeps. Other fields that a client sends are not handed out. */
export interface FaktoryJob {
  jid?: string | null;
  queue?: string | null;
  jobtype?: string | null;
  args?: unknown[] | null;
  created_at?: string | null;
  at?: string | null;
  reserve_for?: number | null;
  retry?: number | null;
  backtrace?: number | null;
  failure?: JobFailure | null;
  custom?: Record<string, unknown> | null;
}

const jobStruct = goStruct('Job', {
  jid: ['string', 'string'],
  queue: ['string', 'string'],
  jobtype: ['string', 'string'],
  args: ['array', '[]interface {}'],
  created_at: ['string', 'string'],
  enqueued_at: ['string', 'string'],
  at: ['string', 'string'],
  reserve_for: ['integer', 'int'],
  retry: ['integer', 'int'],
  backtrace: ['integer', 'int'],
  failure: ['object', 'client.Failure'],
  custom: ['object', 'map[string]interface {}'],
});

const failureStruct = goStruct('Failure', {
  retry_count: ['integer', 'int'],
  remaining: ['integer', 'int'],
  failed_at: ['string', 'string'],
  next_at: ['string', 'string'],
  message: ['string', 'string'],
  errtype: ['string', 'string'],
  backtrace: ['strings', '[]string'],
});

const retryDefault = 25;
const reserveForMax = 86_400;
const queueName = /^[a-zA-Z0-9._-]+$/;
/** Go's decoder refuses a depth of 10,000. Formatting such a value again must not exhaust the stack. */
const depthMax = 500;

/** A number past float64 becomes Infinity in JavaScript, and null when written again. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  if (depth === depthMax) return false;
  for (const item of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) {
    if (!isPlain(item, depth + 1)) return false;
  }
  return true;
}

/** The job under the names that Faktory knows. */
function named(job: unknown): FaktoryJob {
  if (!isObject(job)) return {};
  const fields = withGoNames(job, jobStruct);
  if (isObject(fields['failure'])) fields['failure'] = withGoNames(fields['failure'], failureStruct);
  return fields;
}

/** Why Go's decoder refuses the whole command; undefined when it does not. */
function typeProblem(given: unknown, job: FaktoryJob): string | undefined {
  if (given !== null && !isObject(given))
    return `json: cannot unmarshal ${kindOf(given)} into Go value of type client.Job`;
  const fields = job as Record<string, unknown>;
  const problem =
    goProblem(fields, jobStruct) ??
    (isObject(fields['failure']) ? goProblem(fields['failure'], failureStruct) : undefined);
  if (problem !== undefined) return problem;
  if (isPlain(job.args, 0) && isPlain(job.custom, 0) && isPlain(job.failure, 0)) return undefined;
  return 'json: cannot unmarshal a number past float64, or deeper nesting than 500';
}

/** Throws with Faktory's text of a refused command. */
export function parsePush(text: string, form: 'one' | 'array'): FaktoryJob[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new Error(`invalid JSON: ${text === '' ? 'unexpected end of JSON input' : (error as Error).message}`);
  }
  const jobs: unknown[] = form === 'array' ? ((parsed ?? []) as unknown[]) : [parsed];
  if (!Array.isArray(jobs)) {
    throw new Error(`invalid JSON: json: cannot unmarshal ${kindOf(parsed)} into Go value of type []client.Job`);
  }
  for (let index = 0; index < jobs.length; index++) {
    const job = named(jobs[index]);
    const problem = typeProblem(jobs[index], job);
    if (problem !== undefined) throw new Error(`invalid JSON: ${problem}`);
    jobs[index] = job;
  }
  return jobs as FaktoryJob[];
}

/** The jobs of a line that was checked when it was stored. */
export function parseLine(text: string): FaktoryJob[] {
  const parsed: unknown = JSON.parse(text);
  return Array.isArray(parsed) ? parsed.map(named) : [named(parsed)];
}

/** Why this job is refused, in Faktory's words, or undefined. */
export function jobProblem(job: FaktoryJob): string | undefined {
  if (!job.jid || Buffer.byteLength(job.jid) < 8) return 'jobs must have a reasonable jid parameter';
  if (!job.jobtype) return 'jobs must have a jobtype parameter';
  if (!job.args) return 'jobs must have an args parameter';
  if ((job.reserve_for ?? 0) > reserveForMax) return 'jobs cannot be reserved for more than one day';
  if (job.at && parseRfc3339(job.at) === undefined) {
    return `invalid timestamp for 'at': ${JSON.stringify(job.at)} is not RFC 3339`;
  }
  return job.queue && !isQueueName(job.queue)
    ? `cannot get ${JSON.stringify(job.queue)} queue: queue names must match \\A[a-zA-Z0-9._-]+\\z`
    : undefined;
}

/** Faktory sets no length. Here a name is a key of the store and a word of the protocol. */
export const isQueueName = (name: string): boolean => name.length <= 200 && queueName.test(name);

export const defaultQueue = 'default';
export const queueOf = (job: FaktoryJob): string => job.queue || defaultQueue;
/** The queue of a job whose JSON is already in the form of the broker. */
export const queueNameOf = (text: string): string => queueOf(parseLine(text)[0] as FaktoryJob);

export const retryOf = (job: FaktoryJob): number => job.retry ?? retryDefault;

/** The job's JSON with Faktory's fields in Faktory's order. Empty optional fields are left out, as the Rust client needs. */
export function formatJob(job: FaktoryJob, pushedMs: number, enqueuedMs: number | undefined): string {
  return JSON.stringify({
    retry: retryOf(job),
    failure: job.failure ?? undefined,
    custom: job.custom ?? undefined,
    jid: job.jid,
    queue: queueOf(job),
    jobtype: job.jobtype,
    created_at: job.created_at || rfc3339(pushedMs),
    enqueued_at: enqueuedMs === undefined ? undefined : rfc3339(enqueuedMs),
    at: job.at || undefined,
    args: job.args,
    reserve_for: job.reserve_for || undefined,
    backtrace: job.backtrace || undefined,
  });
}
