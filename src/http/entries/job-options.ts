// The options of the explicit form, which replace those of the job's type, and their checks.
import { z } from 'zod';
import type { JobOptions } from '../../domain/job.ts';
import { encodeJson, isObject } from '../../domain/json-structure.ts';
import type { Issues } from '../../domain/job-type.ts';
import { queueNameProblem, queuePattern } from '../../domain/queue-name.ts';
import { requestId } from '../../domain/request-id.ts';
import { keyMessage, keyPattern } from '../once/idempotency-key.ts';
import type { UniqueOptions } from './uniqueness.ts';
import { parseTime, timeMessage, writeTime } from './time.ts';

const secondsMax = 31_536_000;
const customBytesMax = 4096;
/** Fields of `custom` that this service writes. */
const customReserved = ['expires_at', 'content_encoding', 'unique_key', 'idempotency_key'];

const time = z
  .string(timeMessage)
  .refine((text) => parseTime(text) !== undefined, timeMessage)
  .meta({ format: 'date-time' });

const seconds = (min: number) => {
  const message = `must be a number of seconds from ${min} to 31,536,000`;
  return z.number(message).min(min, message).max(secondsMax, message);
};

const whole = (min: number, max: number, what: string) => {
  const message = `must be a whole number ${what}`;
  return z.int(message).min(min, message).max(max, message);
};

const queue = z
  .string('must be a text')
  .check(({ value, issues }) => {
    const message = queueNameProblem(value);
    if (message !== undefined) issues.push({ code: 'custom', message, input: value });
  })
  .meta({ description: 'One of ENQUEUE_QUEUES, where it is not the queue of the type', pattern: queuePattern.source });

const custom = z
  .custom<Record<string, unknown>>(isObject, 'must be an object')
  .check(({ value, issues }) => {
    for (const key of customReserved) {
      if (Object.hasOwn(value, key))
        issues.push({ code: 'custom', path: [key], message: 'is written by this service', input: value });
    }
    const encoded = encodeJson(value);
    if ('problem' in encoded) issues.push({ code: 'custom', message: encoded.problem, input: value });
    else if (Buffer.byteLength(encoded.json) > customBytesMax)
      issues.push({ code: 'custom', message: `must be at most ${customBytesMax} bytes of JSON`, input: value });
  })
  .meta({ type: 'object', description: 'Handed through to the worker' });

const uniqueKeyBytesMax = 200;
const uniqueKeyMessage = `must be 1 to ${uniqueKeyBytesMax} bytes of text without control characters`;

export const optionFields = {
  request_id: requestId,
  queue: queue.optional(),
  at: time.optional().meta({ description: 'When the job is queued; in the past: now' }),
  delay_seconds: seconds(0).optional(),
  retry: whole(-1, 1000, 'from -1 to 1000').optional(),
  reserve_for: whole(60, 86_400, 'of seconds from 60 to 86,400').optional(),
  expires_at: time.optional().meta({ description: 'A job that has not started by then is not run' }),
  expires_in_seconds: seconds(1).optional(),
  custom: custom.optional(),
  key: z
    .string(keyMessage)
    .regex(keyPattern, keyMessage)
    .optional()
    .meta({ description: 'An entry that is sent again with it is the same job' }),
  unique_for: whole(1, secondsMax, 'of seconds from 1 to 31,536,000')
    .optional()
    .meta({ description: 'Not enqueued while a job like it, accepted within this time, has not ended' }),
  unique_key: z
    .string(uniqueKeyMessage)
    .refine((text) => /^\P{Cc}+$/u.test(text) && Buffer.byteLength(text) <= uniqueKeyBytesMax, uniqueKeyMessage)
    .optional()
    .meta({
      description: 'What makes jobs alike, in place of jobtype, queue and args',
      minLength: 1,
      maxLength: uniqueKeyBytesMax,
    }),
};

const optionsSchema = z.object(optionFields);
type GivenOptions = z.output<typeof optionsSchema>;

export interface ReadOptions {
  options: JobOptions;
  requestId: string | undefined;
  unique: UniqueOptions | undefined;
}

/** Reads the options among the fields of an explicit job. The caller checks the other fields. */
export function readOptions(fields: object, nowMs: number): ReadOptions | { issues: Issues } {
  const parsed = optionsSchema.safeParse(fields);
  if (!parsed.success) return { issues: parsed.error.issues };
  const { data } = parsed;
  const times = readTimes(data, nowMs);
  if ('issues' in times) return times;
  const { at, expiresAt } = times;
  const options: JobOptions = {
    ...(data.queue !== undefined && { queue: data.queue }),
    ...(data.retry !== undefined && { retry: data.retry }),
    ...(data.reserve_for !== undefined && { reserveForSeconds: data.reserve_for }),
    ...(at !== undefined && { at }),
  };
  if (data.custom !== undefined || expiresAt !== undefined)
    options.custom = { ...data.custom, ...(expiresAt !== undefined && { expires_at: expiresAt }) };
  const { unique_for: uniqueFor, unique_key: uniqueKey } = data;
  if (uniqueFor === undefined && uniqueKey !== undefined)
    return { issues: [{ path: ['unique_key'], message: 'needs unique_for' }] };
  const unique = uniqueFor === undefined ? undefined : { seconds: uniqueFor, key: uniqueKey };
  return { options, requestId: data.request_id ?? undefined, unique };
}

function readTimes(given: GivenOptions, nowMs: number): { at?: string; expiresAt?: string } | { issues: Issues } {
  const { at, delay_seconds: delay, expires_at: expires, expires_in_seconds: expiresIn } = given;
  const atMs = at === undefined ? nowMs + (delay ?? 0) * 1000 : (parseTime(at) as number);
  const expiresMs =
    expires === undefined ? (expiresIn === undefined ? undefined : nowMs + expiresIn * 1000) : parseTime(expires);
  const issues: { path: string[]; message: string }[] = [];
  if (at !== undefined && delay !== undefined) issues.push({ path: ['delay_seconds'], message: 'cannot go with at' });
  if (expires !== undefined && expiresIn !== undefined)
    issues.push({ path: ['expires_in_seconds'], message: 'cannot go with expires_at' });
  else if (expiresMs !== undefined && expiresMs <= Math.max(atMs, nowMs))
    issues.push({
      path: [expires === undefined ? 'expires_in_seconds' : 'expires_at'],
      message: 'is over before the job can start',
    });
  if (issues.length > 0) return { issues };
  return {
    ...(atMs > nowMs && { at: writeTime(atMs) }),
    ...(expiresMs !== undefined && { expiresAt: writeTime(expiresMs) }),
  };
}
