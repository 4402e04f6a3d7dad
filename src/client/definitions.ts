// From the definitions of jobs to the types of the client: which operations there are, and which arguments each takes.
import type { z } from 'zod';

/** What `defineJob` returns, as far as callers need it. */
interface Definition<Args extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly args: Args;
}

/** Definitions under any keys: the name in each definition counts. */
export type Definitions<Map> = { readonly [Key in keyof Map]: Definition };

/** For a client without definitions: it takes every name, with an object or a list. */
export type AnyDefinitions = Readonly<Record<string, Definition<z.ZodType<unknown, object>>>>;

export interface TwoNumbers {
  readonly a: number;
  readonly b: number;
  readonly request_id?: string | null;
}

/** The arguments of each operation. The arithmetic is always there. */
export type ArgsOf<Map extends Definitions<Map>> = Readonly<
  Record<'add' | 'subtract' | 'multiply' | 'divide', TwoNumbers>
> & {
  readonly [Key in keyof Map as Map[Key]['name']]: z.input<Map[Key]['args']>;
};

export type OperationOf<Map extends Definitions<Map>> = keyof ArgsOf<Map> & string;

/** Fields of the explicit form (docs/jobs.md), with names in the style of this language. */
export interface JobOptions {
  /** Shown in logs and in the job's state. */
  readonly requestId?: string | undefined;
  /** Default: the queue of the definition. */
  readonly queue?: string | undefined;
  /** When the job is queued. */
  readonly at?: Date | string | undefined;
  readonly delaySeconds?: number | undefined;
  /** How often a failed job is tried again. */
  readonly retry?: number | undefined;
  /** Seconds after which the broker gives a fetched job to another worker. */
  readonly reserveFor?: number | undefined;
  /** A job that has not started by then is not run. */
  readonly expiresAt?: Date | string | undefined;
  readonly expiresInSeconds?: number | undefined;
  /** Handed through to the worker. */
  readonly custom?: Readonly<Record<string, unknown>> | undefined;
  /** The job is not enqueued while a job like it, accepted at most this many seconds ago, has not ended. The response has its id. */
  readonly uniqueFor?: number | undefined;
  /** What makes jobs alike, in place of jobtype, queue and arguments. */
  readonly uniqueKey?: string | undefined;
  /**
   * An idempotency key of the caller's own, so that a repetition by another process makes no second job: 1 to 255 visible
   * ASCII characters. Where the service keeps no keys the job is not enqueued.
   */
  readonly key?: string | undefined;
}

/** One job of a batch. */
export type Entry<Map extends Definitions<Map>> = {
  [Name in OperationOf<Map>]: JobOptions & { readonly operation: Name; readonly args: ArgsOf<Map>[Name] };
}[OperationOf<Map>];
