// One entry for each verb of FWP, with the words of contribsys/faktory v1.9.4 (server/commands.go).
import { namesForAudit, type Audit } from './audit.ts';
import type { Engine } from '../engine.ts';
import { readFailure } from '../queues/failure.ts';
import { goStruct, isObject, isTexts, parseGo, type GoStruct } from './go-json.ts';
import { isQueueName } from '../queues/job.ts';
import type { Mutations } from './mutate.ts';
import type { Push } from './push.ts';
import type { Session } from './session.ts';
import { bulk, error, ok } from './wire.ts';
import type { Workers } from '../queues/workers.ts';

export interface CommandContext {
  engine: Engine;
  push: Push;
  workers: Workers;
  audit: Audit;
  mutations: Mutations;
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

const failStruct = goStruct('FailPayload', {
  jid: ['string', 'string'],
  message: ['string', 'string'],
  errtype: ['string', 'string'],
  backtrace: ['strings', '[]string'],
  give_back: ['boolean', 'bool'],
});

const beatStruct = goStruct('ClientBeat', {
  current_state: ['string', 'string'],
  wid: ['string', 'string'],
  rss_kb: ['integer', 'int64'],
});

function parsePayload(rest: Buffer, verb: string, struct: GoStruct): Record<string, unknown> {
  try {
    return parseGo(rest.toString(), struct);
  } catch {
    throw new Error(`invalid ${verb} ${rest.toString().slice(0, 80)}`);
  }
}

/** Faktory reads a map of texts: its names are exact, and null is the empty text. */
function ackedJid(rest: Buffer): string {
  try {
    const payload: unknown = JSON.parse(rest.toString());
    if (isObject(payload) && isTexts(Object.values(payload)) && 'jid' in payload)
      return (payload['jid'] ?? '') as string;
  } catch {
    // not JSON: the same answer
  }
  throw new Error(`invalid ACK ${rest.toString().slice(0, 80)}`);
}

function ack({ engine }: CommandContext, session: Session, rest: Buffer): void {
  engine.delivery.ack(ackedJid(rest));
  session.replyStored(ok);
}

function fetch({ engine, workers }: CommandContext, session: Session, rest: Buffer): void {
  const names = [...new Set(words(rest))];
  if (names.length === 0) throw new Error('must call fetch with at least one queue');
  if (names.length > fetchQueuesMax) throw new Error(`a FETCH takes at most ${fetchQueuesMax} queues`);
  engine.delivery.fetch(session, names, workers.isQuiet(session.wid));
}

/** With `"give_back":true`, which Faktory does not know and ignores, the job goes to the head of its queue and no attempt is counted. */
function fail({ engine }: CommandContext, session: Session, rest: Buffer): void {
  const { delivery } = engine;
  const payload = parsePayload(rest, 'FAIL', failStruct);
  const { jid, give_back: isGivenBack } = payload as { jid?: string | null; give_back?: boolean | null };
  if (!jid) throw new Error('missing JID');
  const isKnown = isGivenBack ? delivery.giveBackJob(jid) : delivery.fail(jid, readFailure(payload));
  if (!isKnown) throw new Error(`Job not found ${jid}`);
  session.replyStored(ok);
}

function beat({ workers, nowMs }: CommandContext, session: Session, rest: Buffer): void {
  const { wid, current_state }: { wid?: string; current_state?: string } = parsePayload(rest, 'BEAT', beatStruct);
  const state = workers.beat(wid ?? '', current_state, nowMs());
  if (state === undefined) throw new Error(`unknown worker ${wid ?? ''}`);
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
  const [word = '', ...given] = rest.toString().split(' ');
  const subcommand = word.toUpperCase();
  const { queues } = context.engine.state();
  if (subcommand === 'LATENCY') {
    if (given.length === 1 && given[0] === '*') throw new Error('QUEUE LATENCY does not support wildcards');
    const seconds = given.map((name) => [name, (queues.get(name)?.latencyMs() ?? 0) / 1000] as const);
    return session.reply(bulk(JSON.stringify(Object.fromEntries(seconds))));
  }
  const names = given[0] === '*' ? [...queues.keys()] : given.filter((name) => name !== '');
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

/** A worker that goes in order says so on each of its connections: what it has not finished may run elsewhere at once. */
function end({ engine, workers }: CommandContext, session: Session): void {
  session.end();
  if (workers.leave(session) && session.wid !== undefined) engine.delivery.giveBackOf(session.wid);
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
  ['ACK', ack],
  ['FAIL', fail],
  ['BEAT', beat],
  ['INFO', ({ info }, session) => session.reply(bulk(info()))],
  ['QUEUE', queue],
  ['FLUSH', flush],
  ['END', end],
  ['MUTATE', ({ mutations }, session, rest) => mutations.run(session, rest.toString())],
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
