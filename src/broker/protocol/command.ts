// The interface of a verb of FWP. The texts and formats follow contribsys/faktory v1.9.4 (server/commands.go).
import type { Engine } from '../engine.ts';
import type { Mutations } from '../queues/mutations.ts';
import type { Push } from '../queues/push.ts';
import type { Workers } from '../queues/workers.ts';
import type { Audit } from './audit.ts';
import { parseGo, type GoStruct } from './go-json.ts';
import type { Session } from './session.ts';

export interface CommandContext {
  engine: Engine;
  push: Push;
  workers: Workers;
  audit: Audit;
  mutations: Mutations;
  nowMs: () => number;
  /** The reply to INFO, as JSON. */
  info: () => string;
  queuesMax: number;
}

/**
 * Runs a command. The session gets a single reply: at once, when the group of the command is stored, or when a job comes.
 * An Error that it throws becomes the error reply.
 *
 * @param rest the line behind the verb and a space
 */
export type Command = (context: CommandContext, session: Session, rest: Buffer) => void;

export const invalid = (verb: string, rest: Buffer): Error =>
  new Error(`invalid ${verb} ${rest.toString().slice(0, 80)}`);

/** Reads the JSON payload of a command as Faktory's decoder does. */
export function parsePayload(rest: Buffer, verb: string, struct: GoStruct): Record<string, unknown> {
  try {
    return parseGo(rest.toString(), struct);
  } catch {
    throw invalid(verb, rest);
  }
}
