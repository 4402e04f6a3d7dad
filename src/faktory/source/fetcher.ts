// Fills the worker's slots over the connections of one client: slots are not connections (docs/decisions/0011-worker-slots.md).
import type { Connection } from '../connection.ts';
import type { FaktoryClient } from '../client.ts';
import type { SourceLog } from './clients.ts';
import type { FetchSilence } from './fetch-silence.ts';
import { createFetchLane, type FetchLane, type FetchLaneOptions } from './fetch-lane.ts';

export interface FetcherOptions extends Omit<FetchLaneOptions, 'connection' | 'onRefused' | 'silence'> {
  silence: FetchSilence;
  client: FaktoryClient;
  log: SourceLog;
}

/** A broker that refuses a FETCH refuses it on all connections. */
const refusalQuietMs = 1000;

export interface Fetcher {
  /** FETCHes without a reply. */
  readonly outstanding: number;
  /** From now on FETCHes are sent. */
  start(): void;
  /** Sends at most so many more FETCHes, spread over the connections. To be called also when there is no room. */
  pump(room: number): void;
  /** Uses connections that became live. */
  adopt(): void;
  /** Sends no more FETCHes. FETCHes without a reply may still bring jobs. */
  stop(): void;
  /** After `stop`: tells the broker, so that an embedded one replies to the FETCHes at once. */
  finish(): void;
}

export function createFetcher({ client, log, ...laneOptions }: FetcherOptions): Fetcher {
  const lanes = new Map<Connection, FetchLane>();
  /** `new` -> `fetching` -> `stopped`, or `new` -> `stopped`. */
  let state: 'new' | 'fetching' | 'stopped' = 'new';
  let warnedMs = -Infinity;

  function onRefused(reply: string): void {
    const now = laneOptions.clock.now();
    if (now - warnedMs < refusalQuietMs) return;
    warnedMs = now;
    log.warn({ reply }, 'the broker replied to a FETCH with no job');
  }

  return {
    get outstanding() {
      let outstanding = 0;
      for (const lane of lanes.values()) outstanding += lane.outstanding;
      return outstanding;
    },
    start() {
      if (state === 'new') state = 'fetching';
    },
    pump(room) {
      let left = state === 'fetching' ? room : 0;
      if (left <= 0) laneOptions.silence.rest();
      for (let hasSent = true; hasSent && left > 0;) {
        hasSent = false;
        for (const lane of lanes.values()) {
          if (left <= 0 || !lane.hasRoom) continue;
          lane.fetch();
          left--;
          hasSent = true;
        }
      }
    },
    adopt() {
      for (const connection of client.live) {
        if (lanes.has(connection)) continue;
        lanes.set(connection, createFetchLane({ connection, onRefused, ...laneOptions }));
        // Every command has been told of the loss before.
        void connection.closed.then(() => lanes.delete(connection));
      }
    },
    stop() {
      state = 'stopped';
    },
    finish() {
      for (const connection of lanes.keys()) connection.finish();
    },
  };
}
