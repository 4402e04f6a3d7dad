// Runs jobs in handler processes, many at the same time in each.
import type { Clock } from '../domain/clock.ts';
import type { HandlerProcess, HandlerProcessOptions } from './handler-process.ts';
import { createLane } from './lane.ts';
import { createLineBudget, type HandlerLog } from './line-budget.ts';
import { requeued, type HandlerJob, type Run } from './run.ts';
import { countProcesses, type HandlerCounts } from './kept-process.ts';
import { createWaitingRuns } from './waiting-runs.ts';

export interface HandlersOptions {
  /** The value of HANDLER_PROCESSES. */
  processes: number;
  startProcess: (events: Pick<HandlerProcessOptions, 'onMessage' | 'onOutput' | 'onGone'>) => HandlerProcess;
  clock: Clock;
  /** Called when `isUp` may have changed. */
  onChange: () => void;
  log: HandlerLog;
}

export interface Handlers {
  /** False: no process takes jobs now. */
  readonly isUp: boolean;
  /** Jobs that run, or wait for a process. */
  readonly running: number;
  readonly processes: Readonly<HandlerCounts>;
  start(): void;
  run(job: HandlerJob): void;
  /** The worker stops: fires the signals. From now on a run that throws is requeued, and so is a job that comes. */
  interrupt(): void;
  /** Requeues the jobs that still run. */
  requeue(): void;
  close(): Promise<void>;
}

export function createHandlers({ processes, startProcess, clock, onChange, log }: HandlersOptions): Handlers {
  const waiting = createWaitingRuns(clock);
  const budget = createLineBudget(log, clock);
  const upLog = createUpLog(log);
  let lastId = 0;
  let isStopping = false;

  const lanes = Array.from({ length: processes }, () =>
    createLane({
      startProcess,
      clock,
      budget,
      log,
      onReady() {
        upLog.up();
        for (const run of waiting) assignToLeastBusy(run);
        onChange();
      },
      onGone(reason) {
        if (!isStopping && !handlers.isUp) upLog.down(reason);
        onChange();
      },
      onReplaced: onChange,
      // A run that throws after its signal has fired throws because of the stop.
      onEnd: ({ job }, end) => job.onEnd(isStopping && end.type === 'threw' ? requeued(end.message) : end),
    }),
  );

  function assignToLeastBusy(run: Run): boolean {
    const [lane] = lanes.filter(({ keptProcess }) => keptProcess.isReady).sort((one, other) => one.size - other.size);
    if (lane === undefined) return false;
    waiting.remove(run);
    lane.begin(run);
    return true;
  }

  const handlers: Handlers = {
    get isUp() {
      return lanes.some(({ keptProcess }) => keptProcess.isReady);
    },
    get running() {
      return lanes.reduce((sum, { size }) => sum + size, waiting.size);
    },
    get processes() {
      return countProcesses(lanes.map(({ keptProcess }) => keptProcess));
    },
    start: () => lanes.forEach(({ keptProcess }) => keptProcess.start()),
    run(job) {
      if (isStopping) return job.onEnd(requeued(stopReason));
      const run: Run = { id: ++lastId, job, untilMs: clock.now() + job.reservedMs, timer: undefined, isHeard: false };
      if (!assignToLeastBusy(run)) waiting.add(run);
    },
    interrupt() {
      isStopping = true;
      lanes.forEach((lane) => lane.interrupt());
      waiting.requeue(stopReason);
    },
    requeue: () => lanes.forEach((lane) => lane.requeue(stopReason)),
    async close() {
      await Promise.all(lanes.map(({ keptProcess }) => keptProcess.close()));
      budget.flush();
    },
  };
  return handlers;
}

const stopReason = 'the worker stops';

/** Logs once that no process is ready, and once that a process is ready again. */
function createUpLog(log: HandlerLog) {
  let isDown = false;
  return {
    up(): void {
      if (isDown) log.info({}, 'a handler process is ready: jobs are fetched again');
      isDown = false;
    },
    down(reason: string): void {
      if (!isDown)
        log.error({ reason }, 'no handler process is ready: nothing is fetched from the queues of its types');
      isDown = true;
    },
  };
}
