// Opens connections for the pool, and knows whether the broker is there at all. From the loss of a connection until one opens
// there is one attempt at a time, with a growing pause after each: a dead broker is not hammered, and callers fail at once.
import type { Factory } from 'generic-pool';
import type { Clock, Timer } from '../domain/clock.ts';
import type { Connection } from './connection.ts';

export interface ConnectorOptions {
  /** A new connection with its handshake done. Rejects, with the reason, within the connect timeout. */
  open: () => Promise<Connection>;
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

const backoffMsMin = 50;
/**
 * A connection that ends sooner after it opened counts as a failed attempt: a broker at its connection limit answers HELLO
 * before it hangs up (contribsys/faktory server/server.go:361, v1.9.4).
 */
const youngMs = 1000;
/** Time for the server to answer END by closing before the socket is destroyed. */
const endGraceMs = 250;

export function createConnector({ open, clock, random, backoffMsMax }: ConnectorOptions): Connector {
  let liveCount = 0;
  /** The last that happened to a connection was not that it opened. */
  let isDoubtful = true;
  /** In a row. */
  let failures = 0;
  let pausesOwed = 0;
  let downReason: Error | undefined;
  let isClosed = false;
  let pause: Timer | undefined;
  let attempt: Promise<void> | undefined;

  function setDown(reason: Error | undefined): void {
    const changed = (reason === undefined) !== (downReason === undefined);
    downReason = reason;
    if (changed) connector.onDownChange();
  }

  // generic-pool calls create again at once after a rejection, without end: it must always have waited a timer
  // (coopernurse/node-pool#175, #183).
  function pauseAfterFailure(): Promise<void> {
    const delayMs = Math.min(backoffMsMin * 2 ** Math.max(0, Math.min(failures - 1, 10)), backoffMsMax);
    return new Promise((resolve) => (pause = clock.after(delayMs * (0.5 + random() / 2), resolve)));
  }

  /** Attempts side by side began after equally many failures, and count as one. */
  function countFailure(failuresBefore: number): void {
    failures = Math.max(failures, failuresBefore + 1);
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
        // Not as it opens: one that will die young must not shorten the pause of another, nor must a loss that is seen late.
        if (isFirst) failures = 0;
        return;
      }
      countFailure(failuresBefore);
      pausesOwed++;
      if (liveCount === 0) setDown(reason);
    });
  }

  async function openOnce(): Promise<Connection> {
    if (isClosed) return new Promise<never>(() => undefined);
    const failuresBefore = failures;
    try {
      const connection = await open();
      watch(connection, failuresBefore);
      return connection;
    } catch (error) {
      isDoubtful = true;
      countFailure(failuresBefore);
      if (liveCount === 0) setDown(error as Error);
      await pauseAfterFailure();
      throw error;
    }
  }

  const connector: Connector = {
    get downReason() {
      return downReason;
    },
    onDownChange: () => undefined,
    async create() {
      for (; pausesOwed > 0; await pauseAfterFailure()) pausesOwed--;
      while (isDoubtful && attempt !== undefined) await attempt;
      const opening = openOnce();
      const settled = opening.then(
        () => undefined,
        () => undefined,
      );
      attempt = settled;
      void settled.then(() => {
        if (attempt === settled) attempt = undefined;
      });
      return opening;
    },
    async destroy(connection) {
      if (connection.inFlight > 0 || !connection.isLive) connection.destroy(new Error('closed by us'));
      else await connection.end(endGraceMs);
    },
    validate: (connection) => Promise.resolve(connection.isLive),
    close() {
      isClosed = true;
      pause?.cancel();
    },
  };
  return connector;
}
