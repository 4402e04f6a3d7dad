// The FETCHes of one connection. Faktory runs them one after another. Each blocks 2 s on an empty queue, and takes a job even
// when its client has gone (contribsys/faktory server/commands.go, v1.9.4). So a lane sends one FETCH while the queue is empty,
// and as many as the round trip needs while jobs wait. After a nil it sends none until all FETCHes have their reply.
import type { Clock } from '../../domain/clock.ts';
import type { Connection } from '../connection.ts';
import type { Reply } from '../reply-reader.ts';
import type { FetchSilence } from './fetch-silence.ts';

export interface FetchLaneOptions {
  connection: Connection;
  /** Called for each FETCH. */
  fetchLine: () => string;
  clock: Clock;
  /** All lanes share it. */
  silence: Pick<FetchSilence, 'sent' | 'ended'>;
  pollIntervalMs: number;
  /** True when the broker replies to all FETCHes at once when the worker stops. Then many FETCHes do not delay the stop. */
  endsFetches: () => boolean;
  onJob: (text: string) => void;
  /** Called whenever a FETCH has ended, and when the lane is ready again after a pause. */
  onChange: () => void;
  /** Called with the broker's reply when it is neither a job nor nil; once per pause. */
  onRefused: (text: string) => void;
}

export interface FetchLane {
  /** FETCHes without a reply. */
  readonly outstanding: number;
  /** True when another FETCH may be sent. */
  readonly hasRoom: boolean;
  fetch(): void;
}

/** More FETCHes would make a stop longer, because each takes 2 s on an empty queue. */
export const fetchesPerConnectionMax = 10;
/** Enough for a near broker: it begins the second FETCH while its reply to the first is under way. */
const fetchesMin = 2;
/** A connection asks for a job each millisecond, at any distance. */
const msPerFetch = 1;
/** A reply that took this much longer than the round trip was held by the broker: the queue was empty. */
const emptyMsMin = 50;
const errorPauseMs = 1000;
/** A broker that replies nil at once must not keep this loop busy. */
const quickNilPauseMs = 100;

export function createFetchLane(options: FetchLaneOptions): FetchLane {
  const { connection, clock, silence, fetchLine, pollIntervalMs, endsFetches, onJob, onChange, onRefused } = options;
  let outstanding = 0;
  /** The last FETCH brought a job at once. */
  let isFlowing = false;
  /** The shortest time from a FETCH to its reply so far. */
  let roundTripMs = connection.handshakeMs;
  /** When the broker could begin with the oldest FETCH. */
  let headSinceMs = 0;
  const rest = createRest(clock, onChange);

  function restFor(ms: number): void {
    rest.begin(ms);
    isFlowing = false;
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
    silence.ended(reply.type === 'bulk' || reply.type === 'nil' ? 'replied' : { error: reply.text });
    if (reply.type === 'bulk') {
      isFlowing = waitedMs <= emptyMsMin + 1.5 * connection.handshakeMs;
      onJob(reply.text);
    } else if (reply.type === 'nil') {
      restFor(waitedMs < emptyMsMin ? Math.max(quickNilPauseMs, pollIntervalMs) : pollIntervalMs);
    } else {
      if (!rest.isOn) onRefused(reply.text);
      restFor(errorPauseMs);
    }
  }

  function settle(): void {
    outstanding--;
    if (outstanding === 0) rest.allReplied();
    onChange();
  }

  return {
    get outstanding() {
      return outstanding;
    },
    get hasRoom() {
      return !rest.isOn && outstanding < fetchesMax() && connection.isLive;
    },
    fetch() {
      const sentMs = clock.now();
      if (outstanding === 0) headSinceMs = sentMs;
      outstanding++;
      silence.sent();
      connection.exchange(fetchLine(), {
        onReply(reply) {
          take(reply, sentMs);
          settle();
        },
        onLost() {
          silence.ended('lost');
          settle();
        },
      });
    },
  };
}

/** No FETCH is sent from a nil or an error on, until all FETCHes have their reply and the longest of their pauses is over. */
function createRest(clock: Clock, onOver: () => void) {
  let isOn = false;
  let pauseMs = 0;
  function end(): void {
    isOn = false;
    onOver();
  }
  return {
    get isOn() {
      return isOn;
    },
    begin(forMs: number): void {
      isOn = true;
      pauseMs = Math.max(pauseMs, forMs);
    },
    allReplied(): void {
      if (!isOn) return;
      if (pauseMs > 0) clock.after(pauseMs, end);
      else isOn = false;
      pauseMs = 0;
    },
  };
}
