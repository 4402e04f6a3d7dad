// The explicit form of a job: `operation` or `jobtype`, `args`, and options beside them. Unknown fields are refused, because a
// job with a misspelt option would not run as its caller expects.
import type { JobOptions, Uniqueness } from '../../domain/job.ts';
import {
  jobtypePattern,
  type ArgsReading,
  type Issues,
  type JobRegistry,
  type JobType,
} from '../../domain/job-type.ts';
import { encodeJson } from '../../domain/json-structure.ts';
import { cut } from '../problems/caller-text.ts';
import { checkSize, createArgsCheck } from './flat-form.ts';
import { optionFields, readOptions } from './job-options.ts';
import { lockName, uniquenessOf } from './uniqueness.ts';

export interface ExplicitFormOptions {
  registry: JobRegistry;
  /** Queues that a job may name in place of the queue of its type. */
  enqueueQueues: readonly string[];
  /** The most bytes of a body with one job, and of the JSON of its arguments. */
  jobBodyBytesMax: number;
  /** Jobtypes that need no definition; `*` at the end stands for any rest. */
  passthroughJobtypes: readonly string[];
}

/** A job as its caller ordered it. */
export interface Order {
  /** Undefined: the jobtype has no definition and is passed through. */
  type: JobType | undefined;
  jobtype: string;
  args: Extract<ArgsReading, { success: true }>['args'];
  /** Undefined: the job has the options of its type, and runs at once. */
  options: JobOptions | undefined;
  /** For the job's record. A flat job has none before it runs. */
  requestId: string | undefined;
  unique?: Uniqueness | undefined;
}

export interface Refusal {
  code: 'unknown_operation' | 'unknown_jobtype' | 'validation_failed';
  /** The name of a type, or `other`: a label of metrics. */
  operation: string;
  issues: Issues;
  /** Replaces the detail that is made from the issues. */
  detail?: string;
}

const known: ReadonlySet<string> = new Set(['operation', 'jobtype', 'args', ...Object.keys(optionFields)]);

export const isExplicit = (entry: Readonly<Record<string, unknown>>): boolean =>
  entry['args'] !== undefined || entry['jobtype'] !== undefined;

export type ExplicitReader = (entry: Readonly<Record<string, unknown>>, nowMs: number) => Order | Refusal;

export function createExplicitReader(options: ExplicitFormOptions): ExplicitReader {
  const { registry, jobBodyBytesMax } = options;
  const argsChecks = new Map(registry.types.map((type) => [type, createArgsCheck(type, jobBodyBytesMax)]));
  const enqueueQueues = new Set(options.enqueueQueues);
  const ownQueues = new Set(registry.types.filter(({ runs }) => runs !== 'elsewhere').map(({ queue }) => queue));
  const passesThrough = createMatcher(options.passthroughJobtypes);

  function queueIssues(type: JobType | undefined, queue: string | undefined): Issues {
    if (type === undefined && queue === undefined) return [issue('queue', 'is needed: the jobtype has no queue here')];
    if (queue === undefined || queue === type?.queue) return [];
    if (type !== undefined && !enqueueQueues.has(queue))
      return [issue('queue', `must be ${type.queue}, or one of ENQUEUE_QUEUES`)];
    const runsElsewhere = type === undefined || type.runs === 'elsewhere';
    return runsElsewhere && ownQueues.has(queue)
      ? [issue('queue', 'belongs to types that our workers run: they would fail this job')]
      : [];
  }

  function readArgs(type: JobType | undefined, args: unknown, requestId: string | undefined): ArgsReading {
    if (type === undefined) return checkSize(readForeignArgs(args, requestId), jobBodyBytesMax);
    const reading = type.readArgs(args, requestId);
    return argsChecks.get(type)?.(args, reading) ?? reading;
  }

  return (entry, nowMs) => {
    const subject = readSubject(entry, registry, passesThrough);
    if ('code' in subject) return subject;
    const { type, jobtype } = subject;
    const read = readOptions(entry, nowMs);
    const reading = readArgs(type, entry['args'], 'issues' in read ? undefined : read.requestId);
    const issues = [
      ...fieldIssues(entry),
      ...('issues' in read
        ? read.issues
        : [...queueIssues(type, read.options.queue), ...customIssues(type, read.options)]),
      ...(reading.success ? [] : reading.issues.map((one) => ({ ...one, path: ['args', ...one.path] }))),
    ];
    if (issues.length > 0 || !reading.success || 'issues' in read)
      return { code: 'validation_failed', operation: type?.name ?? 'other', issues };
    const { requestId } = read;
    const queue = read.options.queue ?? type?.queue ?? '';
    const unique = read.unique && uniquenessOf(read.unique, { type, jobtype, queue, args: reading.args });
    const custom = unique && { ...read.options.custom, unique_key: lockName(unique) };
    const own: JobOptions = custom ? { ...read.options, custom } : read.options;
    return { type, jobtype, args: reading.args, options: isEmpty(own) ? undefined : own, requestId, unique };
  };
}

const isEmpty = (options: JobOptions): boolean => Object.keys(options).length === 0;
const issue = (field: string, message: string) => ({ path: [field], message });

type Subject = Pick<Order, 'type' | 'jobtype'>;

function readSubject(
  { operation, jobtype }: Readonly<Record<string, unknown>>,
  registry: JobRegistry,
  passesThrough: (jobtype: string) => boolean,
): Subject | Refusal {
  if ((operation === undefined) === (jobtype === undefined)) {
    const field = operation === undefined ? 'operation' : 'jobtype';
    return {
      code: 'validation_failed',
      operation: 'other',
      issues: [issue(field, 'is needed: exactly one of operation and jobtype')],
    };
  }
  const [field, name] = operation === undefined ? ['jobtype', jobtype] : ['operation', operation];
  if (typeof name !== 'string' || (field === 'jobtype' && !jobtypePattern.test(name))) {
    const message =
      field === 'jobtype'
        ? 'must be 1 to 200 characters, no control characters or halves of a pair'
        : 'must be a string';
    return { code: 'validation_failed', operation: 'other', issues: [issue(field, message)] };
  }
  if (field === 'operation') {
    const type = registry.byName(name);
    return type ? { type, jobtype: type.jobtype } : unknownOperation(name);
  }
  const type = registry.byJobtype(name);
  if (type !== undefined || passesThrough(name)) return { type, jobtype: name };
  const detail = `Unknown jobtype: ${cut(name, 20)}; PASSTHROUGH_JOBTYPES does not name it`;
  const issues = [issue('jobtype', 'is neither declared nor one of PASSTHROUGH_JOBTYPES')];
  return { code: 'unknown_jobtype', operation: 'other', issues, detail };
}

export const unknownOperation = (name: string): Refusal => ({
  code: 'unknown_operation',
  operation: 'other',
  issues: [issue('operation', 'is not a known operation')],
  detail: cut(`Unknown operation: ${name}`),
});

function fieldIssues(entry: object): Issues {
  const issues: { path: string[]; message: string }[] = [];
  for (const name of Object.keys(entry)) {
    if (known.has(name)) continue;
    issues.push(issue(name, 'is no field of a job'));
  }
  return issues;
}

/** The arithmetic, which runs in the worker's own process, has its `request_id` among its arguments. */
function customIssues(type: JobType | undefined, { custom }: JobOptions): Issues {
  const isTaken = type?.runs !== 'inline' && custom !== undefined && Object.hasOwn(custom, 'request_id');
  return isTaken
    ? [{ path: ['custom', 'request_id'], message: 'is written by this service: send it beside args' }]
    : [];
}

function readForeignArgs(args: unknown, requestId: string | undefined): ArgsReading {
  if (!Array.isArray(args)) return { success: false, issues: [{ path: [], message: 'must be an array' }] };
  const encoded = encodeJson(args);
  if ('problem' in encoded) return { success: false, issues: [{ path: [], message: encoded.problem }] };
  const json = encoded.json.slice(1, -1);
  return { success: true, args: { value: args, json, jsonBytes: Buffer.byteLength(json), requestId } };
}

function createMatcher(patterns: readonly string[]): (jobtype: string) => boolean {
  const names = new Set(patterns.filter((pattern) => !pattern.endsWith('*')));
  const prefixes = patterns.filter((pattern) => pattern.endsWith('*')).map((pattern) => pattern.slice(0, -1));
  return (jobtype) => names.has(jobtype) || prefixes.some((prefix) => jobtype.startsWith(prefix));
}
