// Opens connections for the pool, and knows whether the broker is away. From the loss of a connection until another opens, each
// attempt follows the last after a growing pause: a dead broker gets few attempts, and callers fail at once. When the packets
// of an attempt are dropped, it lasts until its timeout, so another attempt begins beside a slow one.
import type { Factory } from 'generic-pool';
import { backoffMs } from '../domain/backoff.ts';
import type { Clock, Timer } from '../domain/clock.ts';
import type { Connection } from './connection.ts';

/** A connection that is being opened. */
export interface Opening {
  /** With its handshake done. Rejects, with the reason, within the connect timeout. */
  opened: Promise<Connection>;
  giveUp(): void;
}

export interface ConnectorOptions {
  open: () => Opening;
  connectTimeoutMs: number;
  clock: Clock;
  /** From 0 up to 1, as Math.random. */
  random: () => number;
  /** The pause doubles from 50 ms up to this. */
  backoffMsMax: number;
}

export interface Connector extends Factory<Connection> {
  /** Why the broker is away; undefined while a connection is live, and before the first attempt has ended. */
  readonly downReason: Error | undefined;
  /** Called as `downReason` is set or cleared. */
  onDownChange: () => void;
  /** Ends the attempts. */
  close(): void;
}

interface Attempt extends Opening {
  startedMs: number;
  /** Consecutive failures when this attempt began. */
  failuresBefore: number;
}

const backoffMsMin = 50;
/** The pause before another attempt begins beside a slow one: a broker that returns is found within a second. */
const patienceMsMin = 700;
/** Limit of attempts within one connect timeout: a long timeout must not lead to many attempts at once. */
const overlappingMax = 12;
/**
 * A connection that ends sooner after it opened counts as a failed attempt: a broker at its connection limit answers HELLO
 * before it hangs up (contribsys/faktory server/server.go:361, v1.9.4).
 */
const youngMs = 1000;
/** Time for the server to close the connection after END. Then the socket is destroyed. */
const endGraceMs = 250;

export function createConnector({ open, connectTimeoutMs, clock, random, backoffMsMax }: ConnectorOptions): Connector {
  const patienceMs = Math.max(patienceMsMin, connectTimeoutMs / overlappingMax);
  /** Callers that wait for a connection. */
  const wanted: ((connection: Connection) => void)[] = [];
  /** In the order in which they began. */
  const attempts = new Set<Attempt>();
  let liveCount = 0;
  /** The last event was a failed attempt or a loss. */
  let isDoubtful = true;
  /** In a row. */
  let failures = 0;
  let downReason: Error | undefined;
  let isClosed = false;
  let pause: Timer | undefined;
  let patience: Timer | undefined;

  function setDown(reason: Error | undefined): void {
    const changed = (reason === undefined) !== (downReason === undefined);
    downReason = reason;
    if (changed) connector.onDownChange();
  }

  /** Attempts side by side began after equally many failures, and count as one. */
  function countFailure(failuresBefore: number): void {
    failures = Math.max(failures, failuresBefore + 1);
  }

  function pauseAfterFailure(): void {
    if (isClosed || pause !== undefined) return;
    patience?.cancel();
    const delayMs = backoffMs(failures, { minMs: backoffMsMin, maxMs: backoffMsMax });
    pause = clock.after(delayMs * (0.5 + random() / 2), () => {
      pause = undefined;
      if (wanted.length > 0) begin();
    });
  }

  function begin(): void {
    const attempt: Attempt = { ...open(), startedMs: clock.now(), failuresBefore: failures };
    attempts.add(attempt);
    patience?.cancel();
    patience = clock.after(patienceMs, begin);
    attempt.opened.then(
      (connection) => succeed(attempt, connection),
      (error: unknown) => fail(attempt, error as Error),
    );
  }

  /** Begins one attempt while the broker is in doubt, otherwise as many as are wanted. */
  function beginWanted(): void {
    if (isClosed || pause !== undefined) return;
    while (attempts.size < (isDoubtful ? Math.min(1, wanted.length) : wanted.length)) begin();
  }

  function succeed(attempt: Attempt, connection: Connection): void {
    if (!attempts.delete(attempt)) return;
    watch(connection, attempt.failuresBefore);
    wanted.shift()?.(connection);
    for (const other of attempts) {
      const isOvertaken = attempt.startedMs - other.startedMs >= patienceMs;
      if (isOvertaken || attempts.size > wanted.length) giveUp(other);
    }
    if (wanted.length === 0) patience?.cancel();
    beginWanted();
  }

  function giveUp(attempt: Attempt): void {
    attempts.delete(attempt);
    attempt.giveUp();
  }

  function fail(attempt: Attempt, error: Error): void {
    if (!attempts.delete(attempt) || isClosed) return;
    isDoubtful = true;
    countFailure(attempt.failuresBefore);
    if (liveCount === 0) setDown(error);
    // After a longer attempt the next attempt has already begun beside it.
    if (clock.now() - attempt.startedMs < patienceMs) pauseAfterFailure();
  }

  /** Counts it as live until it is lost. */
  function watch(connection: Connection, failuresBefore: number): void {
    const openedMs = clock.now();
    liveCount++;
    isDoubtful = false;
    setDown(undefined);
    void connection.closed.then((reason) => {
      liveCount--;
      const isFirst = !isDoubtful;
      isDoubtful = true;
      if (clock.now() - openedMs >= youngMs) {
        // Reset after the loss of a stable connection only: an open must not shorten the pause of other attempts.
        if (isFirst) failures = 0;
        return;
      }
      countFailure(failuresBefore);
      if (liveCount === 0) setDown(reason);
      pauseAfterFailure();
    });
  }

  const connector: Connector = {
    get downReason() {
      return downReason;
    },
    onDownChange: () => undefined,
    // It never rejects: generic-pool would call it again at once, without end (coopernurse/node-pool#175, #183).
    create() {
      return new Promise((resolve) => {
        wanted.push(resolve);
        beginWanted();
      });
    },
    async destroy(connection) {
      if (connection.inFlight > 0 || !connection.isLive) connection.destroy(new Error('closed by us'));
      else await connection.end(endGraceMs);
    },
    validate: (connection) => Promise.resolve(connection.isLive),
    close() {
      isClosed = true;
      pause?.cancel();
      patience?.cancel();
    },
  };
  return connector;
}
