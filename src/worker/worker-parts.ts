// The parts of a worker, and how they work together in a turn.
import type { JobRegistry } from '../domain/job-type.ts';
import type { Clock } from '../domain/clock.ts';
import type { ResultStore } from '../domain/results.ts';
import type { Handlers } from '../handlers/handlers.ts';
import { createAwayLog, createClients, type WorkerClients, type WorkerClientsOptions } from './clients.ts';
import { createEndings, type Endings } from './endings.ts';
import { createFetchLines } from './fetch-line.ts';
import { createFetchSilence, type FetchSilence } from './fetch-silence.ts';
import { createFetcher, type Fetcher } from './fetcher.ts';
import { createHeartbeat, type Heartbeat, type HeartbeatOptions } from './heartbeat.ts';
import type { EndedRun } from './ended-run.ts';
import type { WorkerLog } from './job-log.ts';
import { createJobRuns, type JobRuns, type JobRunsOptions } from './job-runs.ts';
import { createTurns, type Turns } from './turns.ts';

export interface WorkerPartsOptions extends WorkerClientsOptions {
  wid: string;
  registry: JobRegistry;
  queues: readonly string[];
  /** A queue is served while those before it are empty; otherwise none comes first. */
  isInOrder: boolean;
  /** Undefined: no type has a `run` of its own. */
  handlers: Handlers | undefined;
  /** Jobs at once, from their FETCH on: those of handler processes until the broker has taken their ACK. */
  concurrency: number;
  /** Pause after an empty FETCH. */
  pollIntervalMs: number;
  heartbeatIntervalMs: number;
  /** Undefined: results are not kept. */
  results: ResultStore | undefined;
  log: WorkerLog;
  /** A unique job is over: its lock is free. */
  onUnlocked?: ((lock: string, jid: string) => void) | undefined;
  onStart?: JobRunsOptions['onStart'];
}

export interface WorkerParts {
  clients: WorkerClients;
  fetcher: Fetcher;
  silence: FetchSilence;
  handlers: Handlers | undefined;
  runs: JobRuns;
  endings: Endings;
  heartbeat: Heartbeat;
  turns: Turns;
  awayLog: ReturnType<typeof createAwayLog>;
  clock: Clock;
  log: WorkerLog;
}

/**
 * Jobs that ran and wait for the store or for the reply to their ACK, per slot. They hold no slot, or a distant broker would
 * cost two round trips a job; 4 cover a store that is as far away.
 */
const heldPerSlot = 4;
const heldMin = 100;

export function createParts(
  options: WorkerPartsOptions,
  { onEnd, onState }: { onEnd: (end: EndedRun, seconds: number) => void; onState: HeartbeatOptions['onState'] },
): WorkerParts {
  const { wid, clock, concurrency, handlers, log } = options;
  const heldMax = Math.max(heldMin, heldPerSlot * concurrency);
  const clients: WorkerClients = createClients(options, {
    fetch() {
      fetcher.adopt();
      awayLog.look();
      turns.schedule();
    },
    report: () => endings.onClientChange(),
    beat: () => heartbeat.onClientChange(),
  });
  const turns = createTurns(clock, turn);
  const onChange = turns.schedule;
  const takesBack = (): boolean => clients.beat.takesBack;
  const endings = createEndings({ ...options, client: clients.report, takesBack, onChange });
  const runs = createJobRuns({
    ...options,
    onEnd(end, seconds) {
      onEnd(end, seconds);
      endings.add(end);
      turns.schedule();
    },
  });
  const lines = createFetchLines(options);
  const intervalMs = options.heartbeatIntervalMs;
  const heartbeat = createHeartbeat({ client: clients.beat, wid, clock, intervalMs, log, onState });
  const silence = createFetchSilence({ clock, beatRepliedMs: () => heartbeat.repliedMs });
  const fetcher = createFetcher({
    ...options,
    silence,
    client: clients.fetch,
    fetchLine: lines.next,
    endsFetches: () => clients.beat.endsFetches,
    onJob: runs.take,
    onChange,
  });
  const awayLog = createAwayLog(clients, log);

  function turn(): boolean {
    const fetching = fetcher.outstanding;
    const running = runs.size;
    const held = endings.reporting + endings.storing;
    const wanted = endings.takesResults && lines.canFetch ? Math.min(concurrency - running, heldMax - held) : 0;
    fetcher.pump(wanted - fetching);
    runs.flush();
    endings.flush();
    return fetching + running === 0 && endings.isIdle;
  }

  return { clients, fetcher, silence, handlers, runs, endings, heartbeat, turns, awayLog, clock, log };
}
