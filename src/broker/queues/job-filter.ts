// Selects the jobs that a MUTATE names: contribsys/faktory v1.9.4, server/mutate.go. Patterns are compared with the job's JSON as
// Go writes it.
import { compileGlob } from './glob.ts';
import { isObject } from '../protocol/go-json.ts';
import type { JobFailure, FaktoryJob } from './job.ts';

export interface JobFilter {
  regexp?: string | null;
  jobtype?: string | null;
  jids?: (string | null)[] | null;
}

/** Undefined: all jobs. */
export type Matches = ((text: string) => boolean) | undefined;

/** Each byte of each job may be compared with each byte of the pattern. */
const patternBytesMax = 1000;
/** Up to this many jids are looked for in a job's text before it is parsed. */
const fewJids = 16;

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key])]));
}

const failureFields: readonly (keyof JobFailure)[] = [
  'failed_at',
  'next_at',
  'message',
  'errtype',
  'backtrace',
  'retry_count',
  'remaining',
];

/** Characters that Go escapes for the sake of HTML. */
const escaped = /[<>&\u2028\u2029]/g;

/** The job as Go writes it: objects with sorted names, its failure in the order of the struct. */
function goText(text: string): string {
  const job = JSON.parse(text) as FaktoryJob;
  const { failure, custom, args } = job;
  const fields = {
    ...job,
    ...(failure && { failure: Object.fromEntries(failureFields.map((name) => [name, failure[name]])) }),
    ...(custom && { custom: sorted(custom) }),
    args: sorted(args),
  };
  return JSON.stringify(fields).replace(escaped, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function byJids(jids: ReadonlySet<string>): (text: string) => boolean {
  const parts = jids.size <= fewJids ? [...jids].map((jid) => JSON.stringify(jid)) : undefined;
  return (text) => {
    if (parts && !parts.some((part) => text.includes(part))) return false;
    return jids.has((JSON.parse(text) as { jid: string }).jid);
  };
}

function byPattern(pattern: string): (text: string) => boolean {
  if (Buffer.byteLength(pattern) > patternBytesMax) throw new Error(`a pattern holds at most ${patternBytesMax} bytes`);
  const holds = compileGlob(pattern);
  return (text) => holds(goText(text));
}

export function createFilter({ regexp, jobtype, jids }: JobFilter): Matches {
  if (jids && jids.length > 0) return byJids(new Set(jids.map((jid) => jid ?? '')));
  const typePart = jobtype ? `"jobtype":${JSON.stringify(jobtype)}` : undefined;
  if (!regexp) return typePart === undefined ? undefined : byPattern(`*${typePart}*`);
  const holds = byPattern(regexp);
  return typePart === undefined ? holds : (text) => text.includes(typePart) && holds(text);
}
