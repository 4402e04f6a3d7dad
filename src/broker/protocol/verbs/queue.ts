// QUEUE PAUSE|RESUME|REMOVE|LATENCY name…: `*` stands for all queues, except with LATENCY.
import { isQueueName } from '../../queues/job.ts';
import { namesForAudit } from '../audit.ts';
import type { Command, CommandContext } from '../command.ts';
import { bulk, ok } from '../replies.ts';

export const queue: Command = (context, session, rest) => {
  const [word = '', ...given] = rest.toString().split(' ');
  const subcommand = word.toUpperCase();
  if (subcommand === 'LATENCY') return session.reply(bulk(latencies(context, given)));
  const state = context.engine.state();
  const names = given[0] === '*' ? [...state.queues.keys()] : given.filter((name) => name !== '');
  if (subcommand === 'PAUSE' || subcommand === 'RESUME') setPaused(context, names, subcommand === 'PAUSE');
  else if (subcommand === 'REMOVE') for (const name of names) state.removeQueue(name);
  else throw new Error(`no such QUEUE subcommand: ${subcommand}`);
  context.audit(session, `QUEUE ${subcommand}`, namesForAudit(names));
  session.replyStored(ok);
};

/** JSON: the age of the oldest job of each queue, in seconds. */
function latencies({ engine }: CommandContext, names: readonly string[]): string {
  if (names.length === 1 && names[0] === '*') throw new Error('QUEUE LATENCY does not support wildcards');
  const { queues } = engine.state();
  const seconds = names.map((name) => [name, (queues.get(name)?.latencyMs() ?? 0) / 1000] as const);
  return JSON.stringify(Object.fromEntries(seconds));
}

/** Makes the queues that do not exist, as Faktory does. */
function setPaused({ engine, queuesMax }: CommandContext, names: readonly string[], paused: boolean): void {
  const state = engine.state();
  const fresh = names.filter((name) => !state.queues.has(name));
  const bad = fresh.find((name) => !isQueueName(name));
  if (bad !== undefined) throw new Error(`queue names must match \\A[a-zA-Z0-9._-]+\\z: ${bad}`);
  if (state.queues.size + fresh.length > queuesMax)
    throw new Error(`not stored: the broker has ${queuesMax} queues at most`);
  for (const name of names) {
    const found = state.queue(name);
    found.setPaused(paused);
    engine.handOut.toWaiters(found);
  }
}
