// Fills the worker's slots over the connections of one client. A connection serves many slots
// (docs/decisions/0011-worker-slots.md).
import type { Connection } from '../connection.ts';
import type { FaktoryClient } from '../client.ts';
import type { SourceLog } from './clients.ts';
import type { FetchSilence } from './fetch-silence.ts';
import { createFetchLane, type FetchLane, type FetchLaneOptions } from './fetch-lane.ts';

export interface FetcherOptions extends Omit<FetchLaneOptions, 'connection' | 'onRefused' | 'silence'> {
  silence: FetchSilence;
  client: FaktoryClient;
  log: SourceLog;
  /** Rejects while the broker's store refuses commands. */
  probe: () => Promise<unknown>;
}

/** The pause between two looks whether the broker's store takes commands again. */
const probePauseMs = 1000;

export interface Fetcher {
  /** FETCHes without a reply. */
  readonly outstanding: number;
  /** From now on FETCHes are sent. */
  start(): void;
  /** Sends at most `room` more FETCHes, spread over the connections. Call it also when there is no room. */
  pump(room: number): void;
  /** Uses connections that became live. */
  adopt(): void;
  /** Sends no more FETCHes. FETCHes without a reply may still bring jobs. */
  stop(): void;
  /** After `stop`: tells the broker, so that an embedded one replies to the FETCHes at once. */
  finish(): void;
}

export function createFetcher({ client, log, probe, ...laneOptions }: FetcherOptions): Fetcher {
  const { clock, silence, onChange } = laneOptions;
  const lanes = new Map<Connection, FetchLane>();
  /** `new` -> `fetching` -> `stopped`, or `new` -> `stopped`. */
  let state: 'new' | 'fetching' | 'stopped' = 'new';
  /** True from the first FETCH whose reply was an error until the store replies to a probe. */
  let isRefused = false;

  /**
   * Faktory takes a job out of its queue and then notes that it is reserved. A Redis without memory takes the first command and
   * refuses the second, and the job is lost (seen in v1.9.4). INFO is refused, too. So each FETCH would lose a job until INFO
   * succeeds.
   */
  async function untilTaken(): Promise<void> {
    while (isRefused && state === 'fetching') {
      await new Promise<void>((resolve) => void clock.after(probePauseMs, resolve));
      isRefused = await probe().then(
        () => false,
        () => true,
      );
    }
    onChange();
  }

  function onRefused(reply: string): void {
    if (isRefused) return;
    isRefused = true;
    log.warn({ reply }, 'the broker replied to a FETCH with no job');
    void untilTaken();
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
      if (left <= 0) silence.rest();
      if (isRefused) return;
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
        // Every command has heard of the loss before.
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
