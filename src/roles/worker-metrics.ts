// The metrics of all workers of a process, added up over its groups of queues.
import type { HandlerCounts } from '../handlers/kept-process.ts';
import type { Handlers } from '../handlers/handlers.ts';
import type { FaktorySource, FaktorySourceOptions } from '../faktory/source/faktory-source.ts';
import type { ConnectionReading } from '../metrics/faktory.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { WorkerReading } from '../metrics/worker.ts';
import type { EndedRun } from '../worker/ended-run.ts';
import type { Worker, WorkerOptions } from '../worker/worker.ts';

type Source = Pick<FaktorySource<EndedRun>, 'clients' | 'problem'>;
type Told = Required<Pick<WorkerOptions, 'onJob' | 'onStart'>>;

export interface WorkersWatch {
  /** Each worker gets it. */
  told: Told;
  /** Each source gets it. */
  onCommand: NonNullable<FaktorySourceOptions<EndedRun>['onCommand']>;
  /** Call it with each worker. */
  add(worker: Worker, handlers: Handlers | undefined, slots: number): void;
  /** Call it with each source. */
  addSource(source: Source): void;
}

interface Watched {
  worker: Worker;
  handlers: Handlers | undefined;
  slots: number;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Adds up objects field by field. */
function sumUp<Fields extends Record<keyof Fields, number>>(all: readonly Fields[]): Fields {
  const names = Object.keys(all[0] ?? {}) as (keyof Fields)[];
  return Object.fromEntries(names.map((name) => [name, sum(all.map((one) => one[name]))])) as Fields;
}

/** A worker without jobs sends no ACK, so its connections for ACK never tell that a broker hangs: FETCH tells for both. */
function downReasonOf({ clients, problem }: Source, role: 'fetch' | 'report' | 'beat'): Error | undefined {
  const { downReason } = clients[role];
  return role === 'beat' ? downReason : (problem ?? downReason);
}

export function watchWorkers(metrics: Metrics): WorkersWatch {
  const all: Watched[] = [];
  const sources: Source[] = [];
  let lastFetchSeconds: number | undefined;
  let lastBeatSeconds: number | undefined;

  function readWorkers(): WorkerReading {
    const hands = all.map(({ worker: { stats }, slots }) => {
      const { fetching, running, storing, reporting } = stats;
      return { fetching, running, storing, reporting, slots };
    });
    return { ...sumUp(hands), lastFetchSeconds, lastBeatSeconds };
  }

  function readHandlers(): HandlerCounts {
    return sumUp(all.flatMap(({ handlers }) => handlers?.processes ?? []));
  }

  const readConnections = (role: 'fetch' | 'report' | 'beat') => (): ConnectionReading => {
    const clients = sources.map((source) => source.clients[role]);
    return {
      states: sumUp(clients.map(({ states }) => states)),
      openedCount: sum(clients.map(({ openedCount }) => openedCount)),
      lostCount: sum(clients.map(({ lostCount }) => lostCount)),
      downReason: sources.map((source) => downReasonOf(source, role)).find((reason) => reason !== undefined),
    };
  };

  for (const role of ['fetch', 'report', 'beat'] as const) metrics.readConnections(role, readConnections(role));
  metrics.readWorker(readWorkers);

  return {
    onCommand(line, ms, outcome) {
      const space = line.indexOf(' ');
      const verb = space === -1 ? line : line.slice(0, space);
      metrics.faktoryCommand(verb, ms / 1000, outcome);
      if (outcome !== 'ok') return;
      if (verb === 'FETCH') lastFetchSeconds = Date.now() / 1000;
      else if (verb === 'BEAT') lastBeatSeconds = Date.now() / 1000;
    },
    told: {
      onJob: metrics.workerJob,
      onStart({ queue, enqueued_at: enqueuedAt }) {
        const waitedMs = typeof enqueuedAt === 'string' ? Date.now() - Date.parse(enqueuedAt) : NaN;
        // The clocks of two machines differ, so the job may seem to have started before it was queued.
        if (!Number.isNaN(waitedMs))
          metrics.queueWait(typeof queue === 'string' ? queue : 'default', Math.max(0, waitedMs) / 1000);
      },
    },
    add(worker, handlers, slots) {
      all.push({ worker, handlers, slots });
      if (handlers) metrics.readHandlers(readHandlers);
    },
    addSource: (source) => void sources.push(source),
  };
}
