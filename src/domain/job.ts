// A job as it goes to the broker: made once, with its jid and its one wire form, before anything can wait or fail.
import { createJid } from './jid.ts';
import { jobtypeOf, operationNames, type JobArgs, type OperationName } from './operations.ts';

/**
 * Seconds the broker waits for a fetched job's ACK before it gives the job to another worker. The least that Faktory
 * knows (contribsys/faktory manager/working.go, v1.9.4): a job orphaned by a lost connection waits exactly this long.
 */
export const reserveForSeconds = 60;

/**
 * How often the broker runs a failed job again. Faktory's own default, and written into every job all the same: PUSH
 * decodes a job into the server's one default (contribsys/faktory server/commands.go, v1.9.4), so that the `retry` of any
 * client's PUSH becomes that of every later job without the field.
 */
const retries = 25;

export interface Job {
  /** UUID v7: the id that the caller is told, that the broker stores and that the worker sees. */
  jid: string;
  operation: OperationName;
  /** The job's JSON. What is left out has a default that no other client can change: queue `default`, at once, no backtrace. */
  wire: string;
  /** Length of `wire` in UTF-8. */
  wireBytes: number;
}

// Made once: every piece that a text is put together from lives as long as the text.
const wireStart = '{"jid":"';
const beforeArgs = Object.fromEntries(
  operationNames.map((name) => [name, `","jobtype":"${jobtypeOf(name)}","args":[{"a":`]),
) as Record<OperationName, string>;
const wireEnd = `}],"reserve_for":${reserveForSeconds},"retry":${retries}}`;
const wireEndWithoutRequestId = `,"request_id":null${wireEnd}`;

/** `args` must have passed the operation's schema: its numbers are finite. */
export function createJob(operation: OperationName, args: JobArgs, jid: string = createJid()): Job {
  const requestId = args.request_id;
  // -0 becomes 0, as in JSON.stringify.
  const head = `${wireStart}${jid}${beforeArgs[operation]}${args.a},"b":${args.b}`;
  if (requestId == null) {
    const wire = head + wireEndWithoutRequestId;
    return { jid, operation, wire, wireBytes: wire.length };
  }
  const wire = `${head},"request_id":${JSON.stringify(requestId)}${wireEnd}`;
  return { jid, operation, wire, wireBytes: Buffer.byteLength(wire) };
}
