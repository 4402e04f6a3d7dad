// Attempts to open connections. From the loss of a connection until another opens, each attempt follows the last after a
// growing pause: a dead broker gets few attempts. When the packets of an attempt are dropped, it lasts until its timeout, so
// another attempt begins beside a slow one.
import { backoffMs } from '../domain/backoff.ts';
import type { Clock, Timer } from '../domain/clock.ts';
import type { Connection } from './connection.ts';
import type { Presence } from './presence.ts';

/** A connection that is being opened. */
export interface Opening {
  /** Resolves after the handshake. Rejects with the reason within the connect timeout. */
  opened: Promise<Connection>;
  giveUp(): void;
}

export interface AttemptsOptions {
  open: () => Opening;
  connectTimeoutMs: number;
  clock: Clock;
  /** A number from 0 up to 1, like Math.random. */
  random: () => number;
  /** The longest pause. The first is 50 ms, and each is twice the last. */
  backoffMsMax: number;
}

export interface Attempts {
  /** Calls `take` with a connection, in the order of the calls. */
  want(take: (connection: Connection) => void): void;
  close(): void;
}

interface Attempt extends Opening {
  startedMs: number;
  failuresBefore: number;
}

const backoffMsMin = 50;
/** The pause before another attempt begins beside a slow attempt. With it a broker that returns is found within a second. */
const patienceMsMin = 700;
/** Limit of attempts within one connect timeout: a long timeout must not lead to many attempts at once. */
const overlappingMax = 12;

export function createAttempts(options: AttemptsOptions, presence: Presence): Attempts {
  const { open, connectTimeoutMs, clock, random, backoffMsMax } = options;
  const patienceMs = Math.max(patienceMsMin, connectTimeoutMs / overlappingMax);
  const wanted: ((connection: Connection) => void)[] = [];
  /** The attempts in the order in which they began. */
  const attempts = new Set<Attempt>();
  let isClosed = false;
  let pause: Timer | undefined;
  let patience: Timer | undefined;

  function pauseAfterFailure(): void {
    if (isClosed || pause !== undefined) return;
    patience?.cancel();
    const delayMs = backoffMs(presence.failures, { minMs: backoffMsMin, maxMs: backoffMsMax });
    pause = clock.after(delayMs * (0.5 + random() / 2), () => {
      pause = undefined;
      if (wanted.length > 0) begin();
    });
  }

  function begin(): void {
    const attempt: Attempt = { ...open(), startedMs: clock.now(), failuresBefore: presence.failures };
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
    while (attempts.size < (presence.isDoubtful ? Math.min(1, wanted.length) : wanted.length)) begin();
  }

  function succeed(attempt: Attempt, connection: Connection): void {
    if (!attempts.delete(attempt)) return;
    presence.opened(connection, attempt.failuresBefore, pauseAfterFailure);
    wanted.shift()?.(connection);
    for (const other of attempts) {
      const isOvertaken = attempt.startedMs - other.startedMs >= patienceMs;
      if (!isOvertaken && attempts.size <= wanted.length) continue;
      attempts.delete(other);
      other.giveUp();
    }
    if (wanted.length === 0) patience?.cancel();
    beginWanted();
  }

  function fail(attempt: Attempt, error: Error): void {
    if (!attempts.delete(attempt) || isClosed) return;
    presence.failed(error, attempt.failuresBefore);
    // After a longer attempt the next attempt has already begun beside it.
    if (clock.now() - attempt.startedMs < patienceMs) pauseAfterFailure();
  }

  return {
    want(take) {
      wanted.push(take);
      beginWanted();
    },
    close() {
      isClosed = true;
      pause?.cancel();
      patience?.cancel();
    },
  };
}
