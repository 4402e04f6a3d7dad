// The limits of frames that are sent to a broker at once, by its distance and by its way to store.
import type { Clock } from '../domain/clock.ts';
import type { Capacity } from '../domain/producer.ts';
import type { FaktoryClient } from './client.ts';
import { createLeast } from './least.ts';

export interface FrameLimits extends Capacity {
  readonly framesPerConnection: number;
  /** The reply to a frame came after so long. */
  observe(ms: number): void;
  /** Called when the live connections have changed. */
  adopt(): void;
}

/** On a long path a frame leaves about this often: the number of frames in flight is the round trip divided by it. */
const frameIntervalMs = 0.5;
/** Smaller frames save at most some 3 ms of a batch. On a longer path that does not matter, unless each job waits for a sync. */
const nearMs = 5;
/** A lost connection makes at most this many frames unknown. */
const framesPerConnectionMax = 32;

/** @param syncs the operator says that the broker syncs its disk for each job; it never holds for the embedded broker */
export function createFrameLimits(client: FaktoryClient, clock: Clock, syncs: boolean): FrameLimits {
  const roundTrip = createLeast(clock);
  // Of the live connections. Under a constant load the time of every frame includes a queue of our own frames, and more
  // frames in flight would lengthen that queue.
  let leastHandshakeMs = Infinity;

  const pathMs = (): number => Math.min(roundTrip.value, leastHandshakeMs);
  const syncsEachJob = (): boolean => syncs && !client.storesInGroups;
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
      const isWorthIt = !client.storesInGroups && (pathMs() < nearMs || syncsEachJob());
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
