// The limits of frames in flight, by the distance of the broker and by how it stores jobs.
import type { Clock } from '../domain/clock.ts';
import type { Capacity } from '../domain/producer.ts';
import type { FaktoryClient } from './client.ts';
import { createLeast } from './least.ts';

export interface FrameLimits extends Capacity {
  readonly framesPerConnection: number;
  /** The reply to a frame came after this time. */
  observe(ms: number): void;
  /** Called when the live connections have changed. */
  adopt(): void;
}

/** On a long path a frame leaves about this often. The number of frames in flight is the round trip divided by this interval. */
const frameIntervalMs = 0.5;
/** Smaller frames make a batch at most some 3 ms faster: that matters only on a short path, or when the broker syncs for each job. */
const nearMs = 5;
/** A lost connection makes at most this many frames unknown. */
const framesPerConnectionMax = 32;

/** @param syncs the operator says that the broker syncs its disk for each job; ignored for the embedded broker */
export function createFrameLimits(client: FaktoryClient, clock: Clock, syncs: boolean): FrameLimits {
  const roundTrip = createLeast(clock);
  // The least of the live connections. The time of a frame is no measure: under constant load it includes a queue of our own
  // frames, and more frames in flight would lengthen that queue.
  let leastHandshakeMs = Infinity;

  const pathMs = (): number => Math.min(roundTrip.value, leastHandshakeMs);
  const syncsEachJob = (): boolean => syncs && !client.isEmbedded;
  const inFlightTarget = (): number => {
    const connections = client.live.length;
    const wanted = Math.max(Math.round(pathMs() / frameIntervalMs), syncsEachJob() ? connections : 0);
    return Math.min(wanted, connections * framesPerConnectionMax);
  };

  return {
    get inFlightTarget() {
      return inFlightTarget();
    },
    get framesPerConnection() {
      const each = Math.ceil(inFlightTarget() / Math.max(1, client.live.length));
      return Math.min(framesPerConnectionMax, Math.max(2, each));
    },
    get lanes() {
      const isWorthIt = !client.isEmbedded && (pathMs() < nearMs || syncsEachJob());
      return isWorthIt ? Math.max(1, client.live.length) : 1;
    },
    get syncsEachJob() {
      return syncsEachJob();
    },
    observe: roundTrip.observe,
    adopt() {
      leastHandshakeMs = Math.min(...client.live.map(({ handshakeMs }) => handshakeMs));
      roundTrip.observe(leastHandshakeMs);
    },
  };
}
