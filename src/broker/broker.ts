// The embedded broker: a server that speaks Faktory's protocol (FWP) and keeps jobs in a folder of its own. It shares no code
// with the client in this program, so each of the two tests how the other reads the protocol.
import { resolve } from 'node:path';
import { systemClock, type BrokerClock } from './clock.ts';
import { createEngine, type Engine } from './engine.ts';
import { defaultLimits, type BrokerLimits } from './limits.ts';
import { createAudit, type AuditEntry } from './protocol/audit.ts';
import type { CommandContext } from './protocol/command.ts';
import { runCommand } from './protocol/commands.ts';
import { error } from './protocol/replies.ts';
import { createServer } from './protocol/server.ts';
import { formatInfo, type BrokerDurability } from './protocol/verbs/info.ts';
import type { EndedJob } from './queues/ended.ts';
import { createLostWorkers } from './queues/lost-workers.ts';
import { createMutations, type Mutations } from './queues/mutations.ts';
import { createPush, type Push } from './queues/push.ts';
import { startTasks } from './queues/tasks.ts';
import { createWorkers } from './queues/workers.ts';
import { openDurableStore } from './storage/durable-store.ts';
import { createMemoryStore } from './storage/memory-store.ts';
import type { Recovered } from './storage/recovery.ts';
import { StoreError, type Store } from './storage/store.ts';

export interface BrokerOptions {
  /** The folder of the store, which is made if it is missing. Undefined: jobs are in memory only. */
  dataDir?: string | undefined;
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: a free port. */
  port?: number;
  password?: string | undefined;
  /** How often the password is hashed; default: a random number for each connection, as in Faktory. */
  hashRounds?: number | undefined;
  limits?: Partial<BrokerLimits>;
  /** How long records of idempotency keys are kept; default: a day. */
  keysKeptMs?: number;
  /** The wids of the workers in this process. When the process is killed, its next start puts their jobs into the queues at once. */
  ownWids?: readonly string[] | undefined;
  /** A worker that has no connection for this long is lost, and its jobs go to their queues. Default: 15 s; 0: never, as in Faktory. */
  lostWorkerMs?: number;
  /** Called when the jobs of lost workers went to their queues. */
  onLostWorkers?: (wids: readonly string[], jobs: number) => void;
  /** Called after each write of a group, successful or not, with its time and its size in bytes. */
  onGroup?: ((ms: number, bytes: number) => void) | undefined;
  clock?: BrokerClock;
  /** From 0 to below 1, for the delay of retries. */
  random?: () => number;
  /** Opens the store in `dataDir`: faults of its disk, for tests. */
  openStore?: (dataDir: string) => Promise<Store>;
  /** Wraps the store, for tests with faults. */
  wrapStore?: (store: Store) => Store;
  /** Called with failures that no reply can carry. */
  report?: (message: string, cause?: unknown) => void;
  /** Called with jobs that no worker has ended: discarded, killed, dead. Never rejects. */
  onEnded?: (jobs: readonly EndedJob[]) => Promise<void>;
  /** Called with commands that stop or destroy the work of others. */
  onAudit?: (entry: AuditEntry) => void;
}

export interface Broker {
  /** For an API in the same process. */
  readonly engine: Engine;
  readonly push: Push;
  readonly mutations: Mutations;
  readonly host: string;
  readonly port: number;
  readonly durability: BrokerDurability;
  /** Counts of the jobs that were found in the folder. */
  readonly recovered: Recovered;
  /** The present counts; `commands` since the start. */
  readonly counts: Readonly<{ connections: number; workers: number; commands: number }>;
  /** Stops listening, sends the replies of committed groups, closes the folder. */
  close(): Promise<void>;
}

const withDefaults = ({ ownWids = [], ...options }: BrokerOptions) => ({
  host: '127.0.0.1',
  port: 0,
  keysKeptMs: 86_400_000,
  lostWorkerMs: 15_000,
  onLostWorkers: () => {},
  clock: systemClock,
  random: Math.random,
  openStore: openDurableStore,
  wrapStore: (store: Store) => store,
  report: () => {},
  onAudit: () => {},
  ...options,
  ownWids,
  limits: { ...defaultLimits, ...options.limits },
});

async function openEngine(options: ReturnType<typeof withDefaults>): Promise<Engine> {
  const { dataDir, openStore, wrapStore } = options;
  const store = wrapStore(dataDir === undefined ? createMemoryStore() : await openStore(dataDir));
  try {
    return await createEngine({ ...options, store });
  } catch (cause) {
    await store.close();
    const where = `the data folder ${resolve(dataDir ?? '')} cannot be used`;
    throw cause instanceof StoreError ? new StoreError(cause.code, `${where}: ${cause.message}`, cause) : cause;
  }
}

/** Rejects with a StoreError that names the folder, or with the error of the address. */
export async function createBroker(given: BrokerOptions = {}): Promise<Broker> {
  const options = withDefaults(given);
  const { clock, limits, report, lostWorkerMs: lostAfterMs, onLostWorkers: onLost } = options;
  const engine = await openEngine(options);
  const { handOut, endings, ledger, state } = engine;
  const durability: BrokerDurability = options.dataDir === undefined ? 'memory' : 'fsync';
  const nowMs = (): number => clock.nowMs();
  const startMs = nowMs();
  const workers = createWorkers();
  const lostWorkers = createLostWorkers({ state, workers, endings, lostAfterMs, onLost });
  const push = createPush({ engine, limits, nowMs });
  const mutations = createMutations({ engine, nowMs, cancelledJobsMax: limits.cancelledJobsMax });
  const audit = createAudit(ledger, options.onAudit);
  let commands = 0;

  const counts = () => ({ connections: server.connections(), workers: workers.count(), commands });
  const info = (): string =>
    formatInfo({ ...counts(), state: state(), nowMs: nowMs(), startMs, tasks: tasks.stats, durability });
  const { queuesMax } = limits;
  const context: CommandContext = { engine, workers, audit, mutations, nowMs, push, queuesMax, info };

  const server = await createServer({
    ...options,
    ledger,
    onCommand(connection, line) {
      commands++;
      runCommand(context, connection, line);
    },
    requeue: endings.requeue,
    onJoined(connection) {
      workers.join(connection, nowMs());
      lostWorkers.seen(connection.wid);
    },
    onLeft: (connection) => void workers.leave(connection),
  }).catch(async (cause: unknown) => {
    await engine.close();
    throw cause;
  });

  lostWorkers.begin();
  const tasks = startTasks({ engine, workers, lostWorkers, clock, deadJobsMax: limits.deadJobsMax, report });
  let closing: Promise<void> | undefined;

  return {
    engine,
    push,
    mutations,
    host: server.host,
    port: server.port,
    durability,
    recovered: engine.recovered,
    get counts() {
      return counts();
    },
    close: () =>
      (closing ??= (async () => {
        tasks.stop();
        mutations.stop();
        handOut.dismiss(error('shutdown in progress'));
        await server.close();
        await engine.close();
      })()),
  };
}
