// The interface of a role: its parameters at the start, and its stop.
import type { Logger } from 'pino';
import type { Config } from '../config/load.ts';
import type { FaktoryAddress } from '../domain/faktory-address.ts';
import type { Trouble } from '../domain/trouble.ts';
import type { Member } from '../supervisor/member.ts';

export interface RoleContext {
  config: Config;
  /** The variables that are in the environment only because .env has them. */
  fromFile: readonly string[];
  log: Logger;
  version: string;
  /** Lines that the log lost because it could not be written, since the start. */
  lostLogLines: () => number;
  /** The latest lines of the log at warn or above. */
  troubles: () => readonly Trouble[];
  /** Stops the process, in order, because a part that cannot be replaced has failed. */
  fail: (error: Error) => void;
  /** Set in an API process that has a supervisor. */
  member: Member | undefined;
  /** From now on SIGHUP without a terminal calls `restart`. Before, it is a stop. */
  onRestart: (restart: () => void) => void;
}

export interface Running {
  stop(options: { skipDrainDelay: boolean }): Promise<void>;
}

export type Role = (context: RoleContext) => Promise<Running>;

/** The role cannot run in this environment; the message says what to do. */
export class RoleError extends Error {}

export function requireFaktory(config: Config, role: string): FaktoryAddress {
  if (config.FAKTORY_URL) return config.FAKTORY_URL;
  throw new RoleError(
    `The ${role} alone needs a broker: set FAKTORY_URL, for example tcp://:password@broker.example:7419. ` +
      'Without one, `npm start` runs API, worker and an embedded broker in one process.',
  );
}
