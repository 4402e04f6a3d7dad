// Fills the worker's slots over the connections of one client: slots are not connections (docs/decisions/0011-worker-slots.md).
import type { Connection } from '../faktory/connection.ts';
import type { FaktoryClient } from '../faktory/client.ts';
import type { WorkerLog } from './job-log.ts';
import { createFetchLane, type FetchLane, type FetchLaneOptions } from './fetch-lane.ts';

export interface FetcherOptions extends Omit<FetchLaneOptions, 'connection' | 'onRefused'> {
  client: FaktoryClient;
  log: WorkerLog;
}

/** A broker that refuses a FETCH refuses it on all connections. */
const refusalQuietMs = 1000;

export interface Fetcher {
  /** FETCHes without a reply. */
  readonly outstanding: number;
  /** Sends at most so many FETCHes more, spread over the connections. */
  pump(room: number): void;
  /** Takes up connections that became live. */
  adopt(): void;
  /** Sends no more FETCHes. FETCHes without a reply may still bring jobs. */
  stop(): void;
  /** Lets the broker know, so that one which looks need not let the FETCHes wait. After `stop`. */
  finish(): void;
}

export function createFetcher({ client, log, ...laneOptions }: FetcherOptions): Fetcher {
  const lanes = new Map<Connection, FetchLane>();
  let isStopped = false;
  let warnedMs = -Infinity;

  function onRefused(reply: string): void {
    const now = laneOptions.clock.now();
    if (now - warnedMs < refusalQuietMs) return;
    warnedMs = now;
    log.warn({ reply }, 'the broker answered a FETCH with no job');
  }

  return {
    get outstanding() {
      let outstanding = 0;
      for (const lane of lanes.values()) outstanding += lane.outstanding;
      return outstanding;
    },
    pump(room) {
      let left = isStopped ? 0 : room;
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
        // Every command has been told of the loss by then.
        void connection.closed.then(() => lanes.delete(connection));
      }
    },
    stop() {
      isStopped = true;
    },
    finish() {
      for (const connection of lanes.keys()) connection.finish();
    },
  };
}
