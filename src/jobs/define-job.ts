// The definition that the author of a job writes. The package exports it: `import { defineJob, z } from 'work-factory'`.
import type { z } from 'zod';

export interface JobContext {
  /** The job's id. */
  jid: string;
  /** 1 for the first run. */
  attempt: number;
  /** Fires when the job's time is up and when the process must stop. */
  signal: AbortSignal;
  log: JobLogger;
  requestId: string | undefined;
  /** Shown by `GET /jobs/{id}`, at most once a second. `percent` is from 0 to 100. */
  progress(percent: number, note?: string): void;
}

/** Writes to the worker's log, with the ids of the job. */
export type JobLogger = Readonly<
  Record<'debug' | 'info' | 'warn' | 'error', (message: string, fields?: Record<string, unknown>) => void>
>;

export interface CronSchedule<Args = unknown> {
  /** `30 2 * * *`: minute, hour, day of the month, month, day of the week. Of six fields the first are seconds. */
  readonly schedule: string;
  /** IANA name. Default: UTC. */
  readonly timeZone?: string;
  /** Default: no arguments. */
  readonly args?: Args;
  /** The latest tick that was missed while nothing ran is made up. Default: false. */
  readonly catchUp?: boolean;
  /** For schedules in a list: the name tells them apart, also when a schedule changes. */
  readonly name?: string;
}

export interface JobDefinition<
  Name extends string = string,
  Args extends z.ZodType = z.ZodType,
  Result extends z.ZodType = z.ZodType,
> {
  /** Names the route `POST /jobs/{name}` and the `operation` of an entry: `[a-z][a-z0-9_]{0,63}`. */
  readonly name: Name;
  /** The jobtype in FWP. Default: the name. */
  readonly jobtype?: string;
  /** Default: `default`. */
  readonly queue?: string;
  /** How often a failed job is tried again: -1 to 1000, default 25. */
  readonly retry?: number;
  /** Seconds after which the broker gives a fetched job to another worker: 60 to 86,400, default 60. */
  readonly reserveFor?: number;
  /** An object becomes `args[0]`; a tuple becomes `args`. */
  readonly args: Args;
  /** Checked before the result is stored. */
  readonly result?: Result;
  /** Time of one run; at most `reserveFor` - 10, which is also the default. */
  readonly timeoutSeconds?: number;
  /** Large arguments travel compressed. */
  readonly compress?: boolean;
  /**
   * The jobs of its queue run in slots of their own, WORKER_CONCURRENCY of them, and in a handler process of their own:
   * however slow they are, they hold up no other queue. Default: false.
   */
  readonly ownSlots?: boolean;
  /** When the job is enqueued without a caller: one schedule or a list (docs/cron.md). */
  readonly cron?: CronSchedule<z.input<Args>> | readonly CronSchedule<z.input<Args>>[];
  /** Absent: another program's worker runs the job. */
  readonly run?: (args: z.output<Args>, context: JobContext) => z.input<Result> | Promise<z.input<Result>>;
  readonly examples?: readonly { readonly args: z.input<Args>; readonly result?: z.output<Result> }[];
}

/** The same symbol in every copy of this package, because a definition may come from another copy than the service. */
const brand = Symbol.for('work-factory.job-definition');

/** A definition's place in its file, for messages: `file:///jobs/resize.mjs:4`. */
export interface Defined {
  readonly [brand]: { readonly place: string | undefined };
}

export function defineJob<const Name extends string, Args extends z.ZodType, Result extends z.ZodType = z.ZodType>(
  definition: JobDefinition<Name, Args, Result>,
): JobDefinition<Name, Args, Result> & Defined {
  // Frame 0 is this function, and frame 1 the file of the definition.
  const frame = new Error().stack?.split('\n')[2];
  const place = frame === undefined ? undefined : /(?:file:\/\/)?\/[^()]*:\d+(?=:\d+)/.exec(frame)?.[0];
  return Object.freeze({ ...definition, [brand]: { place } });
}

export const isDefined = (value: unknown): value is Record<string, unknown> & Defined =>
  typeof value === 'object' && value !== null && brand in value;

/** Where `defineJob` was called. */
export const placeOf = (defined: Defined): string | undefined => defined[brand].place;

/** Thrown by `run`: the job is recorded as failed and never retried. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
}
