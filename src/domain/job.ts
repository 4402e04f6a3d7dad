// A job as the broker gets it. It is made and encoded once, with its jid, before anything can wait or fail. The encoded job is a
// prefix, the encoded arguments and a suffix. Prefix and suffix of a type without options are made once.
import type { Digest } from './digest.ts';
import type { JobArgs } from './job-args.ts';
import type { JobType } from './job-type.ts';
import { createJid } from './jid.ts';
import type { JobRecord } from './results.ts';

/** The fields of each job in FWP besides its jid and its arguments. */
type TypeFields = Pick<JobType, 'jobtype' | 'queue' | 'retry' | 'reserveForSeconds'>;

/** The options of a job. They replace those of its type. */
export interface JobOptions {
  queue?: string;
  retry?: number;
  reserveForSeconds?: number;
  /** RFC 3339, UTC. The broker itself holds the job until then. */
  at?: string;
  custom?: Readonly<Record<string, unknown>>;
}

/** No other job with this id is enqueued within `ms`, unless this job ends before. */
export interface Uniqueness {
  readonly id: Digest;
  readonly ms: number;
}

/** A record that a broker in this process stores together with jobs, in one write. */
export interface Attachment {
  /** Puts the record. Called when the broker has taken the jobs; `refusals` says, by jid, why it did not take some. */
  write(refusals: ReadonlyMap<string, string>): void;
  settle(outcome: 'stored' | 'unknown' | 'not stored'): void;
}

export interface Job {
  /** UUID v7: the id in the caller's response, in the broker and in the worker. */
  jid: string;
  /** The type's name; a label of metrics. */
  operation: string;
  /** The job's JSON. A field is left out only when no other client can change its default: queue `default`, at once, no backtrace. */
  encoded: string;
  /** The length of `encoded` in UTF-8. */
  encodedBytes: number;
  queue: string;
  /** True: it goes to the queue `default`, at once. */
  isPlain: boolean;
  /** The record before a worker stores another; undefined: the job is pending. */
  record: JobRecord | undefined;
  /** Records that a broker in this process stores with the job. Jobs that share a record leave in one frame. */
  attachments?: readonly Attachment[];
  unique?: Uniqueness;
}

const encodedStart = '{"jid":"';
const encodedStartBytes = encodedStart.length;

interface Template {
  beforeArgs: string;
  afterArgs: string;
  /** The length of both in UTF-8. */
  bytes: number;
  queue: string;
  isPlain: boolean;
}

// They are made once, because V8 keeps every part of a concatenated text for as long as the text.
const templates = new WeakMap<JobType, Template>();

function templateOf(type: JobType): Template {
  let template = templates.get(type);
  if (template === undefined) templates.set(type, (template = createTemplate(type, {}, undefined)));
  return template;
}

/** The broker's own default (contribsys/faktory client/job.go, v1.9.4). This field may be left out, and no other. */
const queueDefault = 'default';

// `retry` is written even when it equals Faktory's default. PUSH decodes every job into the server's one default job
// (contribsys/faktory server/commands.go, v1.9.4), so the `retry` of any client's PUSH becomes the `retry` of every later job
// without the field.
function createTemplate(fields: TypeFields, options: JobOptions, requestId: string | undefined): Template {
  const { queue = fields.queue, retry = fields.retry, reserveForSeconds = fields.reserveForSeconds } = options;
  const custom = requestId === undefined ? options.custom : { ...options.custom, request_id: requestId };
  const more = JSON.stringify({
    reserve_for: reserveForSeconds,
    retry,
    ...(queue !== queueDefault && { queue }),
    ...(options.at !== undefined && { at: options.at }),
    ...(custom !== undefined && { custom }),
  });
  const beforeArgs = `","jobtype":${JSON.stringify(fields.jobtype)},"args":[`;
  const afterArgs = `],${more.slice(1)}`;
  const bytes = Buffer.byteLength(beforeArgs) + Buffer.byteLength(afterArgs);
  return { beforeArgs, afterArgs, bytes, queue, isPlain: queue === queueDefault && options.at === undefined };
}

/** Makes a job with the type's own queue and options, to run at once. */
export function createJob(type: JobType, args: JobArgs, jid: string = createJid()): Job {
  const template = args.requestId === undefined ? templateOf(type) : createTemplate(type, {}, args.requestId);
  return assemble(type.name, template, args, jid, type.runs === 'elsewhere' ? untracked(jid, type.name) : undefined);
}

/** The record of a job that another program's worker runs: this service does not learn how it ends. */
const untracked = (jid: string, operation: string): JobRecord => ({
  job_id: jid,
  state: 'pending',
  operation,
  tracked: false,
});

/** Makes a job with options of its own. `record` counts until a worker stores another. */
export function createJobWith(
  fields: TypeFields & { name: string },
  args: JobArgs,
  options: JobOptions,
  record?: JobRecord,
  jid: string = record?.job_id ?? createJid(),
): Job {
  return assemble(fields.name, createTemplate(fields, options, args.requestId), args, jid, record);
}

function assemble(
  operation: string,
  { beforeArgs, afterArgs, bytes, queue, isPlain }: Template,
  { json, jsonBytes }: JobArgs,
  jid: string,
  record: JobRecord | undefined,
): Job {
  const encoded = encodedStart + jid + beforeArgs + json + afterArgs;
  return {
    jid,
    operation,
    encoded,
    encodedBytes: encodedStartBytes + jid.length + bytes + jsonBytes,
    queue,
    isPlain,
    record,
  };
}
