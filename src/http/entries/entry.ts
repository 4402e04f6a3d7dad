// Reads an entry, flat or explicit, and makes a job from it: for `POST /jobs`, batches and streams.
import { createJid } from '../../domain/jid.ts';
import { createJob, createJobWith, type Job, type JobOptions } from '../../domain/job.ts';
import type { JobArgs } from '../../domain/job-args.ts';
import type { JobType } from '../../domain/job-type.ts';
import { compressArgs, encodedArgsMark } from '../../domain/large-args.ts';
import type { JobRecord } from '../../domain/results.ts';
import { isObject } from '../../domain/json-structure.ts';
import { cut } from '../problems/caller-text.ts';
import {
  createExplicitReader,
  isExplicit,
  unknownOperation,
  type ExplicitFormOptions,
  type Order,
  type Refusal,
} from './explicit-form.ts';
import { lockName } from './uniqueness.ts';
import { createFlatReader } from './flat-form.ts';

export interface EntryOptions extends ExplicitFormOptions {
  /** Arguments with more bytes of JSON are sent compressed, where their type says so. 0: never. */
  payloadCompressBytes: number;
}

/** @param nowMs milliseconds since 1970 */
export type EntryReader = (entry: unknown, nowMs: number) => Order | Refusal;

const refuse = (path: string[], message: string): Refusal => ({
  code: 'validation_failed',
  operation: 'other',
  issues: [{ path, message }],
});

export function createEntryReader(options: EntryOptions): EntryReader {
  const { registry, jobBodyBytesMax } = options;
  const flatForms = new Map(
    registry.types.map((type) => [type.name, { type, read: createFlatReader(type, jobBodyBytesMax) }]),
  );
  const readExplicit = createExplicitReader(options);
  return (entry, nowMs) => {
    if (!isObject(entry)) return refuse([], 'must be an object');
    if (isExplicit(entry)) return readExplicit(entry, nowMs);
    const { operation } = entry;
    if (typeof operation !== 'string') return refuse(['operation'], 'must be a string');
    const form = flatForms.get(operation);
    if (form === undefined) return unknownOperation(operation);
    const reading = form.read(entry);
    if (!reading.success) return { code: 'validation_failed', operation, issues: reading.issues };
    const { type } = form;
    return { type, jobtype: type.jobtype, args: reading.args, options: undefined, requestId: undefined };
  };
}

export interface JobMaker {
  /** Makes a job for the type's own queue, to run at once. */
  make(type: JobType, args: JobArgs, jid?: string): Job;
  makeOrdered(order: Order, nowMs: number): Job;
}

/**
 * The fields of a jobtype without a definition: Faktory's own `retry` and `reserve_for` (contribsys/faktory server/commands.go,
 * v1.9.4: 1,800 s), because jobs of other programs may run longer than a minute.
 */
const foreign = { name: 'other', queue: 'default', retry: 25, reserveForSeconds: 1800 };

export function createJobMaker({ payloadCompressBytes }: Pick<EntryOptions, 'payloadCompressBytes'>): JobMaker {
  const isLarge = ({ jsonBytes }: JobArgs): boolean => payloadCompressBytes > 0 && jsonBytes + 2 > payloadCompressBytes;
  const compress = (type: JobType | undefined, args: JobArgs): JobArgs | undefined =>
    type?.compress && isLarge(args) ? compressArgs(args) : undefined;

  return {
    make(type, args, jid = createJid()) {
      const compressed = compress(type, args);
      if (compressed === undefined) return createJob(type, args, jid);
      return createJobWith(type, compressed, { custom: encodedArgsMark }, recordOf({ type }, jid), jid);
    },
    makeOrdered(order, nowMs) {
      const { type, jobtype, args, options } = order;
      const jid = createJid(nowMs);
      if (type !== undefined && options === undefined) return this.make(type, args, jid);
      const compressed = compress(type, args);
      const own: JobOptions = compressed
        ? { ...options, custom: { ...options?.custom, ...encodedArgsMark } }
        : (options ?? {});
      const fields = type ?? { ...foreign, jobtype };
      const job = createJobWith(fields, compressed ?? args, own, recordOf(order, jid), jid);
      if (order.unique !== undefined) job.unique = order.unique;
      return job;
    },
  };
}

/** Undefined: the job is pending, and nothing else is known of it. */
function recordOf(
  { type, options, requestId, unique }: Pick<Order, 'type'> & Partial<Pick<Order, 'options' | 'requestId' | 'unique'>>,
  jid: string,
): JobRecord | undefined {
  const at = options?.at;
  const isTracked = type !== undefined && type.runs !== 'elsewhere';
  if (at === undefined && isTracked) return undefined;
  return {
    job_id: jid,
    state: at === undefined ? 'pending' : 'scheduled',
    ...(type && { operation: type.name }),
    ...(requestId !== undefined && { request_id: requestId }),
    ...(at !== undefined && { at }),
    ...(unique !== undefined && { unique_key: lockName(unique) }),
    ...(!isTracked && { tracked: false }),
  };
}

/** When the job will be queued; undefined: it is queued already. */
export const scheduledAt = ({ record }: Job): string | undefined =>
  record?.state === 'scheduled' ? record.at : undefined;

export function describeOrder({ type, jobtype, args, options }: Order): string {
  const at = options?.at;
  if (type !== undefined) return type.describe(args.value, at);
  const name = cut(jobtype);
  return at === undefined ? `Job enqueued: ${name}` : `Job scheduled for ${at}: ${name}`;
}
