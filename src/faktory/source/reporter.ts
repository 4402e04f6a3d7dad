// Sends ACK and FAIL, on connections of their own, because a FETCH blocks its connection. Both may be sent again: for a job that
// is gone the reply to ACK is OK, and the reply to FAIL is `Job not found`.
import type { Clock } from '../../domain/clock.ts';
import { createFifo } from '../../domain/fifo.ts';
import type { Failure, JobSourceEvents, Reported } from '../../domain/job-source.ts';
import type { FaktoryClient } from '../client.ts';
import type { Connection } from '../connection.ts';
import { leastBusy } from '../least-busy.ts';
import type { Reply } from '../reply-reader.ts';
import type { SourceLog } from './clients.ts';

export interface ReporterOptions<End extends Reported> extends Pick<JobSourceEvents<End>, 'onTold' | 'onOver'> {
  client: FaktoryClient;
  clock: Clock;
  log: SourceLog;
}

export interface Reporter<End extends Reported> {
  /** Reports without a clear reply of the broker. The caller limits their number. */
  readonly pending: number;
  ack(end: End): void;
  fail(end: End, failure: Failure): void;
  /** Sends the reports that waited for a connection. */
  pump(): void;
}

interface Report<End extends Reported> {
  end: End;
  failure: Failure | undefined;
  line: string;
  untilMs: number;
}

/** The shortest reservation. After this time the broker may have given the job to another worker. */
const reportForMs = 60_000;
const retryPauseMs = 500;

export function createReporter<End extends Reported>(options: ReporterOptions<End>): Reporter<End> {
  const { client, clock, onTold, onOver, log } = options;
  const waiting = createFifo<Report<End>>();
  let pending = 0;

  const pick = (): Connection | undefined => leastBusy(client.live, ({ isLive }) => isLive);

  function pump(): void {
    for (let connection; waiting.size > 0 && (connection = pick());) send(connection, waiting.shift() as Report<End>);
  }

  function send(connection: Connection, report: Report<End>): void {
    connection.exchange(report.line, {
      onReply: (reply) => take(report, reply),
      // Sent again in a later turn, because every command of the connection hears of the loss first.
      onLost: ({ reason }) => clock.soon(() => again(report, reason.message)),
    });
  }

  function take(report: Report<End>, reply: Reply): void {
    const isKnown = reply.type !== 'error';
    if (isKnown || /^ERR Job not found/i.test(reply.text)) {
      onTold({ end: report.end, failure: report.failure, isKnown });
      return over(report);
    }
    clock.after(retryPauseMs, () => again(report, reply.text));
  }

  function again(report: Report<End>, reason: string): void {
    if (clock.now() < report.untilMs) {
      waiting.push(report);
      return pump();
    }
    log.warn({ jid: report.end.jid, error: reason }, 'the broker could not be told of a job; it may run again');
    over(report);
  }

  function over({ end }: Report<End>): void {
    pending--;
    onOver(end);
  }

  function enter(end: End, failure: Failure | undefined, line: string): void {
    pending++;
    const report = { end, failure, line, untilMs: clock.now() + reportForMs };
    const connection = waiting.size === 0 ? pick() : undefined;
    if (connection) send(connection, report);
    else waiting.push(report);
  }

  return {
    get pending() {
      return pending;
    },
    pump,
    ack: (end) => enter(end, undefined, `ACK ${JSON.stringify({ jid: end.jid })}`),
    fail: (end, failure) => enter(end, failure, `FAIL ${JSON.stringify({ jid: end.jid, ...failure })}`),
  };
}
