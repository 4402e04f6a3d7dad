// A type of job, as the rest of the service uses it. Types are made in src/jobs: the arithmetic, the other built-in types, and
// the definitions of JOBS_DIR.
import type { z } from 'zod';
import type { Schedule } from './cron.ts';
import type { JobArgs } from './job-args.ts';

export interface JobType {
  /** The name in the route `POST /jobs/{name}`, in the `operation` of an entry and in labels of metrics. */
  readonly name: string;
  /** The jobtype that the broker and other workers see. */
  readonly jobtype: string;
  readonly queue: string;
  readonly retry: number;
  /** Seconds that the broker waits for a fetched job's ACK before it gives the job to another worker. */
  readonly reserveForSeconds: number;
  /** The arguments: an object, or a tuple. */
  readonly args: z.ZodType;
  /** True: the arguments are a tuple, which is the job's `args`. False: they are an object, the only element of `args`. */
  readonly isTuple: boolean;
  /** The schema of its route's body, for the API document, with examples. */
  readonly body: z.ZodType;
  readonly bodyExamples: readonly unknown[];
  readonly result: z.ZodType | undefined;
  readonly timeoutSeconds: number | undefined;
  /** Large arguments travel compressed. */
  readonly compress: boolean;
  /** The jobs of its queue run in slots of their own. */
  readonly ownSlots: boolean;
  /** `inline`: in the worker's process, in the turn in which the job came. `elsewhere`: by workers of other programs. */
  readonly runs: 'inline' | 'in handler process' | 'elsewhere';
  readonly examples: readonly JobExample[];
  /** Its schedules; undefined: it has none. */
  readonly schedules?: readonly Schedule[];
  /**
   * Reads a body of its route, or a flat entry, which has the arguments beside `request_id` and `operation`. A tuple is read
   * from the field `args`.
   */
  readFlat(body: unknown): ArgsReading;
  /** Reads an explicit entry, whose arguments are in `args`, beside `request_id`. */
  readArgs(args: unknown, requestId: unknown): ArgsReading;
  /**
   * The sentence that a caller reads, for example `Job enqueued to add 1 + 2`.
   *
   * @param at when it is scheduled
   */
  describe(args: unknown, at?: string): string;
  /** Only when `runs` is `inline`. Never throws. */
  runInline?(args: unknown): InlineEnd;
}

/** UTF-8 has no lone surrogates, so the broker would get another character. */
export const jobtypePattern = /^[^\p{Cc}\p{Cs}]{1,200}$/u;

/** The broker gives a job to another worker when its reservation is over. The last 10 s are for reporting how the job ended. */
export const reserveMarginSeconds = 10;

export interface JobExample {
  readonly args: unknown;
  readonly result?: unknown;
}

export type Issues = readonly (Pick<z.core.$ZodIssue, 'path' | 'message'> & { code?: string })[];

export type ArgsReading =
  { readonly success: true; readonly args: JobArgs } | { readonly success: false; readonly issues: Issues };

/** Has exactly one of `result`, `error` and `thrown`. */
export interface InlineEnd {
  /** Further fields of the job's record. */
  readonly about: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  /** The job would fail in the same way every time, so it is recorded and not retried. */
  readonly error?: string;
  /** The error that the code threw. The job is to be retried. */
  readonly thrown?: unknown;
}

/** Every type that this process knows. */
export interface JobRegistry {
  readonly types: readonly JobType[];
  byName(name: string): JobType | undefined;
  byJobtype(jobtype: string): JobType | undefined;
}

export const hasSchedules = ({ types }: JobRegistry): boolean =>
  types.some(({ schedules }) => schedules !== undefined && schedules.length > 0);

/** Names and jobtypes must be distinct; the loader of definitions checks that. */
export function createRegistry(types: readonly JobType[]): JobRegistry {
  const names = new Map(types.map((type) => [type.name, type]));
  const jobtypes = new Map(types.map((type) => [type.jobtype, type]));
  return {
    types,
    byName: (name) => names.get(name),
    byJobtype: (jobtype) => jobtypes.get(jobtype),
  };
}
