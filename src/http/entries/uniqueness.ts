// Decides when two unique jobs are the same: by `unique_for` and `unique_key` of an explicit job.
import { bytesOf, digestOf } from '../../domain/digest.ts';
import type { Uniqueness } from '../../domain/job.ts';
import type { JobArgs } from '../../domain/job-args.ts';
import type { JobType } from '../../domain/job-type.ts';

/** The options of a unique job. */
export interface UniqueOptions {
  seconds: number;
  key: string | undefined;
}

/** JSON with sorted names, so that the order of the caller's names does not count. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  fields.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`;
}

/** Removes the `request_id` of the arithmetic, which is among the arguments. */
function withoutRequestId(type: JobType | undefined, { value }: JobArgs): unknown {
  if (type?.runs !== 'inline') return value;
  const { request_id: _, ...args } = value as { request_id?: unknown };
  return args;
}

export function uniquenessOf(
  { seconds, key }: UniqueOptions,
  { type, jobtype, queue, args }: { type: JobType | undefined; jobtype: string; queue: string; args: JobArgs },
): Uniqueness {
  const text =
    key === undefined ? `args\n${jobtype}\n${queue}\n${canonical(withoutRequestId(type, args))}` : `key\n${key}`;
  return { id: digestOf(text), ms: seconds * 1000 };
}

/** The name of the lock, as the broker and the worker find it in `custom.unique_key`. */
export const lockName = ({ id }: Uniqueness): string => bytesOf(id).toString('base64url');
