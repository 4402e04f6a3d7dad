// One entry for each verb of FWP, with the words of contribsys/faktory v1.9.4 (server/commands.go).
import { namesForAudit, type Audit } from './audit.ts';
import type { Engine } from './engine.ts';
import { readFailure } from './failure.ts';
import { isQueueName } from './job.ts';
import type { Push } from './push.ts';
import type { Session } from './session.ts';
import { bulk, error, ok } from './wire.ts';
import type { Workers } from './workers.ts';

export interface CommandContext {
  engine: Engine;
  push: Push;
  workers: Workers;
  audit: Audit;
  nowMs: () => number;
  info: () => string;
  queuesMax: number;
}

type Handler = (context: CommandContext, session: Session, rest: Buffer) => void;

/** A worker lists its queues in every FETCH; each is looked up and waited for. */
const fetchQueuesMax = 1000;

const words = (rest: Buffer): string[] =>
  rest
    .toString()
    .split(' ')
    .filter((word) => word !== '');

function parseObject(rest: Buffer, verb: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(rest.toString());
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch {
    // not JSON: the same answer
  }
  throw new Error(`invalid ${verb} ${rest.toString().slice(0, 80)}`);
}

function parseJid(rest: Buffer, verb: string): { jid: string; payload: Record<string, unknown> } {
  const payload = parseObject(rest, verb);
  const { jid } = payload;
  if (typeof jid !== 'string' || jid === '') throw new Error(`invalid ${verb} ${rest.toString().slice(0, 80)}`);
  return { jid, payload };
}

function fetch({ engine, workers }: CommandContext, session: Session, rest: Buffer): void {
  const names = [...new Set(words(rest))];
  if (names.length === 0) throw new Error('must call fetch with at least one queue');
  if (names.length > fetchQueuesMax) throw new Error(`a FETCH takes at most ${fetchQueuesMax} queues`);
  engine.delivery.fetch(session, names, workers.isQuiet(session.wid));
}

function fail({ engine }: CommandContext, session: Session, rest: Buffer): void {
  const { jid, payload } = parseJid(rest, 'FAIL');
  if (!engine.delivery.fail(jid, readFailure(payload))) throw new Error(`Job not found ${jid}`);
  session.replyStored(ok);
}

function beat({ workers, nowMs }: CommandContext, session: Session, rest: Buffer): void {
  const { wid, current_state } = parseObject(rest, 'BEAT');
  const id = typeof wid === 'string' ? wid : '';
  const state = workers.beat(id, current_state, nowMs());
  if (state === undefined) throw new Error(`unknown worker ${id}`);
  session.reply(state === 'running' ? ok : bulk(JSON.stringify({ state })));
}

function pauseQueues({ engine, queuesMax }: CommandContext, names: readonly string[], paused: boolean): void {
  const state = engine.state();
  const fresh = names.filter((name) => !state.queues.has(name));
  const bad = fresh.find((name) => !isQueueName(name));
  if (bad !== undefined) throw new Error(`queue names must match \\A[a-zA-Z0-9._-]+\\z: ${bad}`);
  if (state.queues.size + fresh.length > queuesMax)
    throw new Error(`not stored: the broker has ${queuesMax} queues at most`);
  for (const name of names) {
    const queue = state.queue(name);
    queue.setPaused(paused);
    engine.delivery.serve(queue);
  }
}

function queue(context: CommandContext, session: Session, rest: Buffer): void {
  const [subcommand = '', ...given] = words(rest);
  const { queues } = context.engine.state();
  const names = given.includes('*') ? [...queues.keys()] : given;
  if (subcommand === 'LATENCY') {
    if (given.includes('*')) throw new Error('QUEUE LATENCY does not support wildcards');
    const seconds = names.map((name) => [name, (queues.get(name)?.latencyMs() ?? 0) / 1000] as const);
    return session.reply(bulk(JSON.stringify(Object.fromEntries(seconds))));
  }
  if (subcommand === 'PAUSE' || subcommand === 'RESUME') pauseQueues(context, names, subcommand === 'PAUSE');
  else if (subcommand === 'REMOVE') for (const name of names) context.engine.state().removeQueue(name);
  else throw new Error(`no such QUEUE subcommand: ${subcommand}`);
  context.audit(session, `QUEUE ${subcommand}`, namesForAudit(names));
  session.replyStored(ok);
}

function flush({ engine, audit }: CommandContext, session: Session): void {
  engine.state().flush();
  audit(session, 'FLUSH');
  session.replyStored(ok);
}

function enterprise(subsystem: string): Handler {
  return () => {
    throw new Error(`${subsystem} subsystem is only available in Faktory Enterprise`);
  };
}

const handlers = new Map<string, Handler>([
  ['PUSH', ({ push }, session, rest) => (push.one(rest), session.replyStored(ok))],
  [
    'PUSHB',
    ({ push }, session, rest) => {
      const refused = push.array(rest);
      session.replyStored(refused.size === 0 ? '$2\r\n{}\r\n' : bulk(JSON.stringify(Object.fromEntries(refused))));
    },
  ],
  ['FETCH', fetch],
  ['ACK', ({ engine }, session, rest) => (engine.delivery.ack(parseJid(rest, 'ACK').jid), session.replyStored(ok))],
  ['FAIL', fail],
  ['BEAT', beat],
  ['INFO', ({ info }, session) => session.reply(bulk(info()))],
  ['QUEUE', queue],
  ['FLUSH', flush],
  ['END', (_context, session) => session.end()],
  [
    'MUTATE',
    () => {
      throw new Error('MUTATE is not available in the embedded broker');
    },
  ],
  ['TRACK', enterprise('tracking')],
  ['BATCH', enterprise('batch')],
]);

/** These need no store. */
const alwaysServed = new Set(['BEAT', 'END']);

/** Runs one line and answers it, always: now, when its group is stored, or when a job comes. */
export function runCommand(context: CommandContext, session: Session, line: Buffer): void {
  const space = line.indexOf(0x20);
  const verb = line.toString('latin1', 0, space === -1 ? line.length : space);
  const handler = handlers.get(verb);
  if (!handler) return session.reply(error(`unknown command ${verb.slice(0, 80)}`));
  const refusal = alwaysServed.has(verb) ? undefined : context.engine.refusal();
  if (refusal !== undefined) return session.reply(error(refusal));
  try {
    handler(context, session, space === -1 ? Buffer.alloc(0) : line.subarray(space + 1));
  } catch (problem) {
    session.reply(error((problem as Error).message));
  }
}
