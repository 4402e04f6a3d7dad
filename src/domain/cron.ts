// What is enqueued by time: the schedules of definitions, their ticks, and the last tick of each. Times are milliseconds
// since 1970.
import type { JobArgs } from './job-args.ts';

export interface Schedule {
  /**
   * Unique in an installation. Ticks of one name at one time are one tick, whatever else has changed between two versions of
   * the definition.
   */
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
  /** Of the schedule at that time: one that has changed since has missed nothing. */
  readonly pattern: string;
  readonly timeZone: string;
}

/**
 * Whether a tick replaces what is kept of its schedule: a later tick does, and one that is known to be enqueued. Processes
 * tell of their ticks in any order.
 */
export const replaces = (tick: LastTick, kept: LastTick | undefined): boolean =>
  kept === undefined ||
  tick.atMs > kept.atMs ||
  (tick.atMs === kept.atMs && tick.outcome === 'enqueued' && kept.outcome !== 'enqueued');

/** Keeps the last tick of each schedule, without a time limit. */
export interface TickStore {
  /** By the names of schedules, in their order. Rejects when the store does not answer. */
  last(names: readonly string[]): Promise<readonly (LastTick | undefined)[]>;
  /** Never rejects: what the store does not take now, it is told again. Resolves after the first try. */
  keep(name: string, tick: LastTick): Promise<void>;
  close(): Promise<void>;
}

/** What became of a tick in this process: a label of metrics. `replayed`: it was enqueued before, by another process mostly. */
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

/** The schedules of this installation, for whoever wants to look. */
export interface CronView {
  /** In the order of the definitions. Rejects when the store of ticks does not answer. */
  list(): Promise<readonly ScheduleState[]>;
}
