// The schedules of definitions, their ticks, and the last tick of each. Times are milliseconds since 1970.
import type { JobArgs } from './job-args.ts';

export interface Schedule {
  /** Unique in an installation. Ticks of the same name and time are one tick, even when the definition has changed otherwise. */
  readonly name: string;
  /** Five fields, or six with seconds first. */
  readonly pattern: string;
  /** IANA name. */
  readonly timeZone: string;
  readonly args: JobArgs;
  /** The latest tick that was missed is made up. */
  readonly catchUp: boolean;
  /** The first tick after a time; undefined: there is none. */
  nextAfter(timeMs: number): number | undefined;
  /** The last tick at or before a time. */
  latestUntil(timeMs: number): number | undefined;
}

/** A tick whose job was enqueued, or perhaps was. */
export interface LastTick {
  readonly atMs: number;
  readonly jobId: string;
  readonly outcome: 'enqueued' | 'unknown';
  /** The pattern when the tick was due. A schedule that was changed since then has missed nothing. */
  readonly pattern: string;
  readonly timeZone: string;
}

/**
 * Whether a tick replaces the last tick of its schedule. A later tick does, and so does the same tick when it is now known to be
 * enqueued. The processes store their ticks in any order.
 */
export const replaces = (tick: LastTick, kept: LastTick | undefined): boolean =>
  kept === undefined ||
  tick.atMs > kept.atMs ||
  (tick.atMs === kept.atMs && tick.outcome === 'enqueued' && kept.outcome !== 'enqueued');

/** Keeps the last tick of each schedule, without a time limit. */
export interface TickStore {
  /** The last ticks of these schedules, in the order of the names. Rejects when the store does not answer. */
  last(names: readonly string[]): Promise<readonly (LastTick | undefined)[]>;
  /** Never rejects: a tick that the store does not take is sent again. Resolves after the first try. */
  keep(name: string, tick: LastTick): Promise<void>;
  close(): Promise<void>;
}

/** The outcome of a tick in this process, a label of metrics. `replayed`: it was enqueued before, mostly by another process. */
export type TickOutcome = 'enqueued' | 'replayed' | 'refused' | 'unknown';

export interface ScheduleState {
  readonly name: string;
  /** The name of the job type. */
  readonly operation: string;
  readonly pattern: string;
  readonly timeZone: string;
  readonly catchUp: boolean;
  readonly nextMs: number | undefined;
  readonly last: LastTick | undefined;
}

/** The schedules of this installation. */
export interface CronView {
  /** Resolves with the schedules in the order of the definitions. Rejects when the store of ticks does not answer. */
  list(): Promise<readonly ScheduleState[]>;
}
