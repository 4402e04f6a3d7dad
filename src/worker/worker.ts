// The worker: pipelined FETCHes fill its slots, results are stored before the ACK, and the jobs that ended in one turn are
// acknowledged together. Its jobs come from a JobSource (docs/decisions/0011-worker-slots.md).
import type { OperationLabel } from '../metrics/jobs.ts';
import type { WorkerOutcome } from '../metrics/worker.ts';
import type { EndedRun } from './ended-run.ts';
import type { WorkerStats } from './stats.ts';
import { stopWorker } from './stop-worker.ts';
import { createParts, type WorkerPartsOptions } from './worker-parts.ts';

export interface WorkerOptions extends WorkerPartsOptions {
  onJob?: (operation: OperationLabel, outcome: WorkerOutcome, seconds: number) => void;
  /** Called when an operator has ended this worker on the broker's web page. */
  onTerminate?: () => void;
}

export interface Worker {
  readonly stats: Readonly<WorkerStats>;
  /** Why the broker is away, or replies to no FETCH. */
  readonly brokerProblem: Error | undefined;
  /** True while the store of results takes writes. Otherwise nothing is fetched. */
  readonly takesResults: boolean;
  start(): void;
  /** Call it when `isUp` of the handlers may have changed. */
  onHandlersChange(): void;
  /** Fetches no more. Running jobs go on. */
  quiet(): void;
  /**
   * Takes the jobs of outstanding FETCHes, finishes, stores, acknowledges and closes. A job that does not end in time is
   * requeued, so that it need not wait for the end of its reservation. Resolves within `timeoutMs`, also when the broker is gone.
   */
  stop(timeoutMs: number): Promise<void>;
}

export function createWorker(options: WorkerOptions): Worker {
  const { log } = options;
  const totals = { succeeded: 0, failed: 0 };
  const parts = createParts(options, { onEnd, onState });
  const { source, handlers, endings, turns } = parts;

  function onEnd({ operation, outcome }: EndedRun, seconds: number): void {
    if (outcome === 'succeeded' || outcome === 'failed') totals[outcome]++;
    if (outcome !== 'requeued') options.onJob?.(operation, outcome, seconds);
  }

  function onState(state: 'quiet' | 'terminate'): void {
    log.info(
      state === 'quiet' ? 'the broker wants this worker to fetch no more' : 'the broker wants this worker to end',
    );
    source.quiet();
    if (state === 'terminate') options.onTerminate?.();
  }

  return {
    get brokerProblem() {
      return source.problem;
    },
    get takesResults() {
      return endings.takesResults;
    },
    get stats() {
      const { fetching, reporting } = source;
      return { fetching, running: handlers?.running ?? 0, storing: endings.storing, reporting, ...totals };
    },
    start() {
      source.start();
      handlers?.start();
      endings.start();
      turns.schedule();
    },
    onHandlersChange: turns.schedule,
    quiet: source.quiet,
    stop(timeoutMs) {
      source.quiet();
      return stopWorker(parts, timeoutMs);
    },
  };
}
