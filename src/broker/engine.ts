// The broker without its sockets: state, ledger and delivery, put together again after every failure of the store.
import type { BrokerClock } from './clock.ts';
import { createDelivery, type Delivery } from './queues/delivery.ts';
import { createEndedJobs, type EndedJob, type EndedJobs } from './queues/ended.ts';
import { createLedger, messageOf, type Ledger } from './storage/ledger.ts';
import type { BrokerLimits } from './limits.ts';
import { streamStart } from './storage/records.ts';
import { recover, type Recovered } from './storage/recovery.ts';
import { createState, type State } from './state.ts';
import type { Store, StoreRecord } from './storage/store.ts';

export interface Engine {
  readonly ledger: Ledger;
  readonly delivery: Delivery;
  readonly ended: EndedJobs;
  readonly recovered: Recovered;
  readonly keysMax: number;
  state(): State;
  /** All that the broker keeps, in pages, as it is between two groups soon after the first page is asked for. */
  records(): AsyncIterable<readonly StoreRecord[]>;
  /** Why the store takes nothing now, or undefined. Asking makes it try to open the store again. */
  refusal(): string | undefined;
  close(): Promise<void>;
}

export interface EngineOptions {
  store: Store;
  clock: BrokerClock;
  random: () => number;
  limits: BrokerLimits;
  keysKeptMs: number;
  ownWids: readonly string[];
  /** A group was synced, or was not; with its time and its size in bytes. */
  onGroup?: ((ms: number, bytes: number) => void) | undefined;
  /** Told of jobs that no worker has ended. Never rejects. */
  onEnded?: ((jobs: readonly EndedJob[]) => Promise<void>) | undefined;
  report: (message: string, cause?: unknown) => void;
}

/** Between two tries to open a store that failed: an open reads the whole store. */
const mendPauseMs = 250;

export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { store, clock, limits, report } = options;
  let mending: Promise<void> | undefined;
  let mendedMs = 0;
  let closed = false;

  const ledger = createLedger({
    store,
    groupBytesMax: limits.groupBytesMax,
    finish: () => state.finish(),
    onCommitted: () => state.committed(),
    onGroup: options.onGroup,
    onFailed: fallOver,
  });

  async function load(): Promise<State> {
    const recovery = await recover(store);
    return createState(recovery, {
      store,
      ledger,
      clock,
      windowBytesMax: limits.windowBytesMax,
      keysKeptMs: options.keysKeptMs,
      ownWids: options.ownWids,
      onReady: (queue) => delivery.serve(queue),
      onProblem: fallOver,
      clear: (stream) => void store.clear(streamStart(stream), streamStart(stream + 1)).catch(() => {}),
    });
  }

  /** What is in memory may differ from what is on disk: only the disk counts from here. */
  function fallOver(error: unknown): void {
    report('the store of the broker failed', error);
    mending ??= ledger.breakDown(messageOf(error)).then(mend);
  }

  async function mend(): Promise<void> {
    try {
      state.dispose();
      if (closed) return;
      await store.reopen();
      state = await load();
      ledger.mend();
      report('the store of the broker works again');
      for (const queue of state.queues.values()) delivery.serve(queue);
    } catch (error) {
      report('the store of the broker cannot be opened', error);
    } finally {
      mendedMs = clock.nowMs();
      mending = undefined;
    }
  }

  const ended = createEndedJobs({ ledger, tell: options.onEnded });
  const delivery = createDelivery({ state: () => state, clock, random: options.random, limits, ended });
  const startMs = performance.now();
  let state = await load();
  const recovered: Recovered = {
    queues: state.queues.size,
    queued: state.queued(),
    working: state.working.count(),
    scheduled: state.scheduled.record().count,
    retries: state.retries.record().count,
    dead: state.dead.record().count,
    ms: Math.round(performance.now() - startMs),
  };

  return {
    ledger,
    delivery,
    ended,
    recovered,
    keysMax: limits.keysMax,
    state: () => state,
    records: () => store.records(),
    refusal() {
      const detail = ledger.broken();
      if (detail === undefined) return undefined;
      if (!closed && Math.abs(clock.nowMs() - mendedMs) >= mendPauseMs) mending ??= mend();
      return `not stored: the store of the broker failed: ${detail}`;
    },
    async close() {
      closed = true;
      await ledger.drain();
      await mending;
      state.dispose();
      await store.close();
    },
  };
}
