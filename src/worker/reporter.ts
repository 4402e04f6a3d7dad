// Sends ACK and FAIL, on connections of their own, because a FETCH blocks its connection. Both may be sent again: for a job that
// is gone the reply to ACK is OK, and the reply to FAIL is `Job not found`.
import type { Clock } from '../domain/clock.ts';
import { createFifo } from '../domain/fifo.ts';
import type { FaktoryClient } from '../faktory/client.ts';
import type { Connection } from '../faktory/connection.ts';
import { leastBusy } from '../faktory/least-busy.ts';
import type { Reply } from '../faktory/reply-reader.ts';
import type { WorkerLog } from './job-log.ts';
import type { Failure, EndedRun, Told } from './ended-run.ts';

export interface ReporterOptions {
  client: FaktoryClient;
  clock: Clock;
  /** The broker has replied. */
  onTold: (told: Told) => void;
  /** Called whenever a report has ended: the broker has replied, or was away for too long. */
  onOver: (end: EndedRun) => void;
  log: WorkerLog;
}

export interface Reporter {
  /** Reports without the broker's clear reply. The caller keeps them few. */
  readonly pending: number;
  ack(end: EndedRun): void;
  fail(end: EndedRun, failure: Failure): void;
  /** Sends the reports that waited for a connection. */
  pump(): void;
}

interface Report {
  end: EndedRun;
  failure: Failure | undefined;
  line: string;
  untilMs: number;
}

/** The shortest reservation. After it the broker has given the job to another worker. */
const reportForMs = 60_000;
const retryPauseMs = 500;

export function createReporter({ client, clock, onTold, onOver, log }: ReporterOptions): Reporter {
  const waiting = createFifo<Report>();
  let pending = 0;

  const pick = (): Connection | undefined => leastBusy(client.live, ({ isLive }) => isLive);

  function pump(): void {
    for (let connection; waiting.size > 0 && (connection = pick());) send(connection, waiting.shift() as Report);
  }

  function send(connection: Connection, report: Report): void {
    connection.exchange(report.line, {
      onReply: (reply) => take(report, reply),
      // In a later turn: the loss is told for every command of the connection first.
      onLost: ({ reason }) => clock.soon(() => again(report, reason.message)),
    });
  }

  function take(report: Report, reply: Reply): void {
    const isKnown = reply.type !== 'error';
    if (isKnown || /^ERR Job not found/i.test(reply.text)) {
      onTold({ end: report.end, failure: report.failure, isKnown });
      return over(report);
    }
    clock.after(retryPauseMs, () => again(report, reply.text));
  }

  function again(report: Report, reason: string): void {
    if (clock.now() < report.untilMs) {
      waiting.push(report);
      return pump();
    }
    log.warn({ jid: report.end.jid, error: reason }, 'the broker could not be told of a job; it may run again');
    over(report);
  }

  function over({ end }: Report): void {
    pending--;
    onOver(end);
  }

  function enter(end: EndedRun, failure: Failure | undefined, line: string): void {
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
