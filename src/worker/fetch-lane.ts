// The FETCHes of one connection. Faktory runs them one after another, each blocks 2 s on an empty queue, and one whose
// client has gone still takes a job (contribsys/faktory server/commands.go, v1.9.4). So there is one while nothing waits in
// the queue, as many as the round trip needs while something does, and after a nil no more until all are answered.
import type { Clock } from '../domain/clock.ts';
import type { Connection } from '../faktory/connection.ts';
import type { Reply } from '../faktory/reply-reader.ts';

export interface FetchLaneOptions {
  connection: Connection;
  /** Made for each FETCH. */
  fetchLine: () => string;
  clock: Clock;
  pollIntervalMs: number;
  /** The broker answers all of them at once when the worker stops: there may be many. */
  endsFetches: () => boolean;
  onJob: (text: string) => void;
  /** Called whenever a FETCH has ended, and when the lane is ready again after a pause. */
  onChange: () => void;
  /** Called with the broker's words when it answers a FETCH with neither a job nor nil; once per pause. */
  onRefused: (text: string) => void;
}

export interface FetchLane {
  /** FETCHes without a reply. */
  readonly outstanding: number;
  /** True when one more may be sent. */
  readonly hasRoom: boolean;
  fetch(): void;
}

/** More would only make a stop longer: on an empty queue they take 2 s each. */
export const fetchesPerConnectionMax = 10;
/** Near: the server begins the second while the reply to the first is under way. */
const fetchesMin = 2;
/** A connection asks for a job in each of them, also at a distance. */
const msPerFetch = 1;
/** A reply that took this much longer than the path was waited for: nothing was in the queue. */
const emptyMsMin = 50;
const errorPauseMs = 1000;
/** A broker that says nil at once must not make this loop spin. */
const quickNilPauseMs = 100;

export function createFetchLane(options: FetchLaneOptions): FetchLane {
  const { connection, clock, fetchLine, pollIntervalMs, endsFetches, onJob, onChange, onRefused } = options;
  let outstanding = 0;
  /** The last FETCH brought a job at once. */
  let isFlowing = false;
  /** The shortest time from a FETCH to its reply so far. */
  let roundTripMs = connection.handshakeMs;
  /** Since when the oldest FETCH has been the broker's next one. */
  let headSinceMs = 0;
  let isDraining = false;
  let pauseMs = 0;

  function drain(forMs: number): void {
    isDraining = true;
    isFlowing = false;
    pauseMs = Math.max(pauseMs, forMs);
  }

  function fetchesMax(): number {
    if (!isFlowing) return 1;
    if (endsFetches()) return fetchesPerConnectionMax;
    return Math.min(fetchesPerConnectionMax, Math.max(fetchesMin, Math.ceil(roundTripMs / msPerFetch)));
  }

  function take(reply: Reply, sentMs: number): void {
    const now = clock.now();
    roundTripMs = Math.min(roundTripMs, now - sentMs);
    const waitedMs = now - headSinceMs;
    headSinceMs = now;
    if (reply.type === 'bulk') {
      isFlowing = waitedMs <= emptyMsMin + 1.5 * connection.handshakeMs;
      onJob(reply.text);
    } else if (reply.type === 'nil') {
      drain(waitedMs < emptyMsMin ? Math.max(quickNilPauseMs, pollIntervalMs) : pollIntervalMs);
    } else {
      if (!isDraining) onRefused(reply.text);
      drain(errorPauseMs);
    }
  }

  function settle(): void {
    outstanding--;
    if (outstanding === 0 && isDraining) {
      if (pauseMs > 0) clock.after(pauseMs, reopen);
      else isDraining = false;
      pauseMs = 0;
    }
    onChange();
  }

  function reopen(): void {
    isDraining = false;
    onChange();
  }

  return {
    get outstanding() {
      return outstanding;
    },
    get hasRoom() {
      return !isDraining && outstanding < fetchesMax() && connection.isLive;
    },
    fetch() {
      const sentMs = clock.now();
      if (outstanding === 0) headSinceMs = sentMs;
      outstanding++;
      connection.exchange(fetchLine(), {
        onReply(reply) {
          take(reply, sentMs);
          settle();
        },
        onLost: settle,
      });
    },
  };
}
