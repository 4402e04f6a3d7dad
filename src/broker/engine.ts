// The broker without its sockets: state, ledger, hand-out and endings. After every failure of the store the state is made again.
import type { BrokerClock } from './clock.ts';
import type { BrokerLimits } from './limits.ts';
import { createHandOut, type HandOut } from './queues/hand-out.ts';
import { createEndedJobs, type EndedJob, type EndedJobs } from './queues/ended.ts';
import { createEndings, type Endings } from './queues/endings.ts';
import { createFailedJobs } from './queues/failed-jobs.ts';
import { createRepair } from './repair.ts';
import { createState, type State } from './state.ts';
import { createLedger, type Ledger } from './storage/ledger.ts';
import { streamStart } from './storage/records.ts';
import { recover, type Recovered } from './storage/recovery.ts';
import type { Store, StoreRecord } from './storage/store.ts';

export interface Engine {
  readonly ledger: Ledger;
  readonly handOut: HandOut;
  readonly endings: Endings;
  readonly ended: EndedJobs;
  readonly recovered: Recovered;
  readonly keysMax: number;
  state(): State;
  /** All records, in pages, as they are between two groups, soon after the first page is asked for. */
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
  /** Called after each write of a group, successful or not, with its time and its size in bytes. */
  onGroup?: ((ms: number, bytes: number) => void) | undefined;
  /** Called with jobs that no worker has ended. Never rejects. */
  onEnded?: ((jobs: readonly EndedJob[]) => Promise<void>) | undefined;
  report: (message: string, cause?: unknown) => void;
}

export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { store, clock, random, limits, report } = options;
  const ledger = createLedger({
    store,
    groupBytesMax: limits.groupBytesMax,
    finish: () => state.finish(),
    onGroup: options.onGroup,
    onFailed: (error) => repair.begin(error),
  });

  const load = async (): Promise<State> =>
    createState(await recover(store), {
      store,
      ledger,
      clock,
      windowBytesMax: limits.windowBytesMax,
      keys: { keptMs: options.keysKeptMs, recordsMax: limits.keyGenerationMax },
      ownWids: options.ownWids,
      onReady: (queue) => handOut.toWaiters(queue),
      onProblem: (error) => repair.begin(error),
      clear: (stream) => void store.clear(streamStart(stream), streamStart(stream + 1)).catch(() => {}),
    });

  const repair = createRepair({
    ledger,
    clock,
    report,
    dispose: () => state.dispose(),
    async reopen() {
      await store.reopen();
      state = await load();
    },
    onMended() {
      for (const queue of state.queues.values()) handOut.toWaiters(queue);
    },
  });

  const current = (): State => state;
  const ended = createEndedJobs({ ledger, tell: options.onEnded });
  const handOut = createHandOut({ state: current, clock, limits });
  const failedJobs = createFailedJobs({ state: current, clock, random, ended });
  const endings = createEndings({ state: current, clock, failedJobs, handOut: handOut.toWaiters });
  const startMs = performance.now();
  let state = await load();

  return {
    ledger,
    handOut,
    endings,
    ended,
    recovered: countsOf(state, performance.now() - startMs),
    keysMax: limits.keysMax,
    state: current,
    records: () => store.records(),
    refusal() {
      const problem = repair.problem();
      return problem === undefined ? undefined : `not stored: the store of the broker failed: ${problem}`;
    },
    async close() {
      await repair.stop();
      state.dispose();
      await store.close();
    },
  };
}

const countsOf = (state: State, ms: number): Recovered => ({
  queues: state.queues.size,
  queued: state.queued(),
  working: state.working.count(),
  scheduled: state.scheduled.record().count,
  retries: state.retries.record().count,
  dead: state.dead.record().count,
  ms: Math.round(ms),
});
