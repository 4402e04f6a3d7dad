// The verbs of FWP, and how a line finds its verb.
import type { Command, CommandContext } from './command.ts';
import { error } from './replies.ts';
import type { Session } from './session.ts';
import { ack } from './verbs/ack.ts';
import { beat } from './verbs/beat.ts';
import { end } from './verbs/end.ts';
import { enterprise } from './verbs/enterprise.ts';
import { fail } from './verbs/fail.ts';
import { fetch } from './verbs/fetch.ts';
import { flush } from './verbs/flush.ts';
import { info } from './verbs/info.ts';
import { mutate } from './verbs/mutate.ts';
import { push, pushb } from './verbs/push.ts';
import { queue } from './verbs/queue.ts';

const commands = new Map<string, Command>([
  ['PUSH', push],
  ['PUSHB', pushb],
  ['FETCH', fetch],
  ['ACK', ack],
  ['FAIL', fail],
  ['BEAT', beat],
  ['INFO', info],
  ['QUEUE', queue],
  ['FLUSH', flush],
  ['END', end],
  ['MUTATE', mutate],
  ['TRACK', enterprise('tracking')],
  ['BATCH', enterprise('batch')],
]);

/** Commands that need no store. */
const alwaysServed = new Set(['BEAT', 'END']);

/** Runs the command of a line. Every line gets a reply. */
export function runCommand(context: CommandContext, session: Session, line: Buffer): void {
  const space = line.indexOf(0x20);
  const verb = line.toString('latin1', 0, space === -1 ? line.length : space);
  const command = commands.get(verb);
  if (!command) return session.reply(error(`unknown command ${verb.slice(0, 80)}`));
  const refusal = alwaysServed.has(verb) ? undefined : context.engine.refusal();
  if (refusal !== undefined) return session.reply(error(refusal));
  try {
    command(context, session, space === -1 ? Buffer.alloc(0) : line.subarray(space + 1));
  } catch (problem) {
    session.reply(error((problem as Error).message));
  }
}
