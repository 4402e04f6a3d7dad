// A job as it goes to the broker: made once, with its jid and its one wire form, before anything can wait or fail.
import { createJid } from './jid.ts';
import { jobtypeOf, type JobArgs, type OperationName } from './operations.ts';

/**
 * Seconds the broker waits for a fetched job's ACK before it gives the job to another worker. The least that Faktory
 * knows (contribsys/faktory manager/working.go, v1.9.4): a job orphaned by a lost connection waits exactly this long.
 */
export const reserveForSeconds = 60;

export interface Job {
  /** UUID v7: the id that the caller is told, that the broker stores and that the worker sees. */
  jid: string;
  operation: OperationName;
  /** The job's JSON. Fields that equal the broker's defaults (queue `default`, retry 25) are left out. */
  wire: string;
  /** Length of `wire` in UTF-8. */
  wireBytes: number;
}

/** `args` must have passed the operation's schema: its numbers are finite. */
export function createJob(operation: OperationName, args: JobArgs, jid: string = createJid()): Job {
  const requestId = args.request_id;
  // -0 becomes 0, as in JSON.stringify.
  const head = `{"jid":"${jid}","jobtype":"${jobtypeOf(operation)}","args":[{"a":${args.a},"b":${args.b},"request_id":`;
  const tail = `}],"reserve_for":${reserveForSeconds}}`;
  if (requestId == null) {
    const wire = `${head}null${tail}`;
    return { jid, operation, wire, wireBytes: wire.length };
  }
  const wire = head + JSON.stringify(requestId) + tail;
  return { jid, operation, wire, wireBytes: Buffer.byteLength(wire) };
}
