// The outcomes of the jobs of a PUSHB, from its reply. No other code reports a job as enqueued by Faktory.
// Pure and table-tested. Every text comes from contribsys/faktory v1.9.4 or was seen from its Redis.
import { causeOf } from '../domain/cause.ts';
import type { Job } from '../domain/job.ts';
import { enqueued, refused, unknown, type Outcome } from '../domain/producer.ts';
import type { Reply } from './reply-reader.ts';

/** The reply cannot belong to the command: all replies on its connection are in doubt. */
export interface Violation {
  readonly violation: string;
}

/**
 * Redis refuses with these texts before it runs the write. But Faktory's driver sends a command again after 3 s. Then the first
 * command may be stored while the refusal is for the second, so an older refusal proves nothing.
 */
const redisRefusalAgeMsMax = 2500;
const redisRefusal = /^(MISCONF|OOM|READONLY|NOAUTH)\b/;

/** Refusals by the broker itself. A refusal of the embedded broker begins with `not stored`. */
const permanentRefusals: readonly RegExp[] = [
  /^jobs must have a reasonable jid parameter/,
  /^jobs must have a jobtype parameter/,
  /^jobs must have an args parameter/,
  /^jobs cannot be reserved for more than one day/,
  /queue names must match/,
  /^invalid timestamp for 'at'/,
  /^invalid JSON: /,
  /^not stored: /,
];

/**
 * @param ageMs from the command's write to its reply
 * @returns one outcome per job in input order, or why the reply cannot be trusted
 */
export function classifyBulkReply(reply: Reply, jobs: readonly Job[], ageMs: number): Outcome[] | Violation {
  if (reply.type === 'error') return jobs.map(() => classifyErrorText(reply.text, ageMs));
  if (reply.type !== 'bulk') return { violation: `the reply to PUSHB is of type ${reply.type}` };
  if (reply.text === '{}') return jobs.map(() => enqueued);
  const refusals = parseRefusals(reply.text);
  if (refusals === undefined) return { violation: 'the reply to PUSHB is no map of refusals' };
  let matched = 0;
  const outcomes = jobs.map((job) => {
    const text = refusals.get(job.jid);
    if (text === undefined) return enqueued;
    matched++;
    return classifyErrorText(text, ageMs);
  });
  // A jid that is not in the frame shows that the reply is for another command.
  return matched === refusals.size ? outcomes : { violation: 'the reply to PUSHB names a jid that was not in it' };
}

/**
 * Faktory had no reply from its Redis. After 3 to 6 s it reports the deadline of its command, or the deadline of its driver for a
 * read or for a connection of the pool. When the Redis has been silent for some 20 s, its socket takes no more connections, and
 * Faktory reports a failed dial at once. The next command would end in the same way. The texts are those of Go's context and net,
 * and of go-redis.
 */
export const isBrokerDeadline = (text: string): boolean =>
  /context deadline exceeded|i\/o timeout|connection pool timeout|\bdial (unix|tcp) /.test(text);

/** Why the broker failed, by the error of a command. See causeOf. */
export const brokerCauseOf = (error: Error): string | undefined =>
  isBrokerDeadline(error.message) ? 'its Redis hangs' : causeOf(error);

/** The Redis of the broker refused the jobs: its memory or its disk is full, or it is a replica. */
export const storeRefusalOf = (outcomes: readonly Outcome[]): string | undefined => {
  for (const outcome of outcomes)
    if (outcome.kind !== 'enqueued' && redisRefusal.test(outcome.detail)) return outcome.detail;
  return undefined;
};

/** Classifies an error text. A text that is not in the table is unknown, never refused. */
export function classifyErrorText(text: string, ageMs: number): Outcome {
  const message = text.replace(/^ERR /, '');
  if (redisRefusal.test(message)) {
    return ageMs <= redisRefusalAgeMsMax ? refused('broker_refused', message) : unknown(message);
  }
  if (message.startsWith('shutdown in progress')) return refused('broker_unavailable', message);
  return permanentRefusals.some((pattern) => pattern.test(message))
    ? refused('broker_refused', message)
    : unknown(message);
}

function parseRefusals(text: string): Map<string, string> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    const entries = Object.entries(parsed);
    return entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')
      ? new Map(entries)
      : undefined;
  } catch {
    return undefined;
  }
}
