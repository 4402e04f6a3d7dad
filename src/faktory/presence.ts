// Whether the broker is there, by the connections that opened, failed or were lost.
import type { Clock } from '../domain/clock.ts';
import type { Connection } from './connection.ts';

export interface Presence {
  /** Why the broker is away; undefined while a connection is live, and before the first attempt has ended. */
  readonly downReason: Error | undefined;
  /** True when the last event was a failed attempt or a loss. */
  readonly isDoubtful: boolean;
  /** Failed attempts in a row. */
  readonly failures: number;
  /** @param failuresBefore the count when the attempt began, so that attempts side by side count as one failure */
  failed(reason: Error, failuresBefore: number): void;
  /** Counts the connection as live until it is lost. */
  opened(connection: Connection, failuresBefore: number, onYoungLoss: () => void): void;
}

/**
 * A connection that ends earlier than this after it opened counts as a failed attempt: a broker at its connection limit replies
 * to HELLO before it hangs up (contribsys/faktory server/server.go:361, v1.9.4).
 */
const youngMs = 1000;

/** @param onDownChange called as `downReason` is set or cleared */
export function createPresence(clock: Clock, onDownChange: () => void): Presence {
  let liveCount = 0;
  let isDoubtful = true;
  let failures = 0;
  let downReason: Error | undefined;

  function setDown(reason: Error | undefined): void {
    const changed = (reason === undefined) !== (downReason === undefined);
    downReason = reason;
    if (changed) onDownChange();
  }

  function failed(reason: Error, failuresBefore: number): void {
    isDoubtful = true;
    failures = Math.max(failures, failuresBefore + 1);
    if (liveCount === 0) setDown(reason);
  }

  return {
    get downReason() {
      return downReason;
    },
    get isDoubtful() {
      return isDoubtful;
    },
    get failures() {
      return failures;
    },
    failed,
    opened(connection, failuresBefore, onYoungLoss) {
      const openedMs = clock.now();
      liveCount++;
      isDoubtful = false;
      setDown(undefined);
      void connection.closed.then((reason) => {
        liveCount--;
        const isFirst = !isDoubtful;
        isDoubtful = true;
        if (clock.now() - openedMs < youngMs) {
          failed(reason, failuresBefore);
          onYoungLoss();
        } else if (isFirst) {
          // The count is reset after the loss of a stable connection only, because an open must not shorten the pause of other
          // attempts.
          failures = 0;
        }
      });
    },
  };
}
