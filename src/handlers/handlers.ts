// Runs jobs in handler processes, many side by side in each, and watches their times. What the processes say is not
// trusted: a job ends when its process reports the end, when its time is up, or when its process ends.
import type { Clock, Timer } from '../domain/clock.ts';
import { formatMessage, formatRun, type AbortReason, type FromHandler, type HandlerEnd } from './messages.ts';
import type { HandlerProcess, HandlerProcessOptions } from './handler-process.ts';
import { createLineBudget, type HandlerLog } from './line-budget.ts';
import { countProcesses, createSupervisor, type HandlerCounts, type Supervisor } from './supervisor.ts';

export interface HandlersOptions {
  /** HANDLER_PROCESSES. */
  processes: number;
  startProcess: (events: Pick<HandlerProcessOptions, 'onMessage' | 'onOutput' | 'onGone'>) => HandlerProcess;
  clock: Clock;
  log: HandlerLog;
}

export interface HandlerJob {
  jid: string;
  /** Of its type. */
  name: string;
  /** As it was fetched. */
  text: string;
  attempt: number;
  /** From the moment that a process takes it. */
  timeoutMs: number;
  /** From now: by then it has ended, or goes back without having run. */
  reservedMs: number;
  onEnd: (end: HandlerEnd | { type: 'given back'; reason: string }) => void;
  onProgress: (percent: number, note: string | undefined) => void;
}

export interface Handlers {
  /** False: no process takes jobs now. */
  readonly isUp: boolean;
  /** Jobs that run, or wait for a process. */
  readonly running: number;
  readonly processes: Readonly<HandlerCounts>;
  /** Called when `isUp` may have changed. */
  onChange: () => void;
  start(): void;
  run(job: HandlerJob): void;
  /** The worker stops: fires the signals. A run that throws from now on, or comes later, is given back. */
  interrupt(): void;
  /** Gives back what still runs. */
  giveBack(): void;
  close(): Promise<void>;
}

interface Run {
  id: number;
  job: HandlerJob;
  /** Undefined while no process is ready. */
  lane: Lane | undefined;
  untilMs: number;
  timer: Timer | undefined;
  /** Its process has answered `abort`. */
  isHeard: boolean;
}

interface Lane {
  supervisor: Supervisor;
  runs: Set<Run>;
  /** Ids of runs that were given up and go on. */
  abandoned: Set<number>;
  /** The latest line that its process wrote. */
  lastWords: string | undefined;
}

/** Between `signal` and the end of a job that goes on all the same. */
export const graceMs = 5000;
/** Runs that were given up still hold memory and connections. A new process holds nothing. */
const abandonedMax = 10;
/** A line that says why a process ended, as a message of a problem. */
const lastWordsCharsMax = 300;

const isEnd = (message: FromHandler): message is HandlerEnd =>
  message.type === 'succeeded' || message.type === 'failed' || message.type === 'threw';

export function createHandlers({ processes, startProcess, clock, log }: HandlersOptions): Handlers {
  const runs = new Map<number, Run>();
  const budget = createLineBudget(log, clock);
  const lanes = Array.from({ length: processes }, createLane);
  let lastId = 0;
  let isStopping = false;
  let saidDown = false;

  function createLane(): Lane {
    const lane: Lane = {
      runs: new Set(),
      abandoned: new Set(),
      lastWords: undefined,
      supervisor: createSupervisor({
        clock,
        start(events) {
          lane.lastWords = undefined;
          return startProcess({
            ...events,
            onOutput(output) {
              lane.lastWords = output.trim().slice(0, lastWordsCharsMax) || lane.lastWords;
              budget.write('info', 'a handler process wrote', { output });
            },
          });
        },
        onReady() {
          if (saidDown) log.info({}, 'a handler process is ready: jobs are fetched again');
          saidDown = false;
          spread();
        },
        onMessage: (message) => take(lane, message),
        onGone(reason) {
          const { lastWords } = lane;
          log.error({ reason, lastWords, jobs: lane.runs.size }, 'a handler process has ended and is started again');
          lane.abandoned.clear();
          sayDown(lastWords ?? reason);
          const others = lane.runs.size - 1;
          const message = `the handler process ${reason} while this job ran${others > 0 ? `, and ${others} others` : ''}`;
          for (const run of lane.runs) over(run, { ...threw(run), errtype: 'HandlerProcessEnded', message });
          handlers.onChange();
        },
      }),
    };
    return lane;
  }

  function sayDown(reason: string): void {
    if (saidDown || isStopping || handlers.isUp) return;
    saidDown = true;
    log.error({ reason }, 'no handler process is ready: nothing is fetched from the queues of its types');
  }

  const threw = ({ id }: Run) => ({ type: 'threw' as const, id, backtrace: [] });

  /** To the process with the fewest. */
  function assign(run: Run): void {
    let best: Lane | undefined;
    for (const lane of lanes)
      if (lane.supervisor.isReady && (best === undefined || lane.runs.size < best.runs.size)) best = lane;
    if (best === undefined) return;
    const { name, attempt, text, timeoutMs } = run.job;
    run.lane = best;
    best.runs.add(run);
    run.timer?.cancel();
    run.timer = clock.after(Math.min(timeoutMs, run.untilMs - clock.now()), () => expire(best, run));
    best.supervisor.send(formatRun({ id: run.id, name, attempt }, text));
  }

  function spread(): void {
    for (const run of runs.values()) if (run.lane === undefined) assign(run);
    handlers.onChange();
  }

  function take(lane: Lane, message: Exclude<FromHandler, { type: 'ready' }>): void {
    const run = runs.get(message.id);
    // A run that was given up has ended after all, or nonsense.
    if (run?.lane !== lane) return void (isEnd(message) && lane.abandoned.delete(message.id));
    const { jid, name, attempt } = run.job;
    if (isEnd(message)) return over(run, message);
    if (message.type === 'aborted') run.isHeard = true;
    else if (message.type === 'progress') run.job.onProgress(message.percent, message.note);
    else budget.write(message.level, message.message, { ...message.fields, jid, operation: name, attempt });
  }

  function over(run: Run, end: Parameters<HandlerJob['onEnd']>[0]): void {
    run.timer?.cancel();
    runs.delete(run.id);
    run.lane?.runs.delete(run);
    // The signal has fired: it throws because of the stop.
    if (isStopping && end.type === 'threw') run.job.onEnd({ type: 'given back', reason: end.message });
    else run.job.onEnd(end);
  }

  function abort(run: Run, reason: AbortReason): void {
    run.lane?.supervisor.send(formatMessage({ type: 'abort', id: run.id, reason }));
  }

  function expire(lane: Lane, run: Run): void {
    abort(run, 'timeout');
    run.timer = clock.after(graceMs, () => giveUp(lane, run));
  }

  function giveUp(lane: Lane, run: Run): void {
    const { job, isHeard } = run;
    const seconds = Math.min(job.timeoutMs, job.reservedMs) / 1000;
    const message = `the job has not ended within ${seconds} s, nor ${graceMs / 1000} s after its signal`;
    lane.abandoned.add(run.id);
    over(run, { ...threw(run), errtype: 'Timeout', message });
    if (!isHeard) replace(lane, 'it does not answer');
    else if (lane.abandoned.size === abandonedMax) replace(lane, `${abandonedMax} runs in it did not end in time`);
  }

  function replace(lane: Lane, reason: string): void {
    log.error({ reason, jobs: lane.runs.size }, 'a handler process is killed and started again');
    lane.abandoned.clear();
    lane.supervisor.replace();
    for (const run of lane.runs) over(run, { type: 'given back', reason: 'its handler process was replaced' });
    handlers.onChange();
  }

  const handlers: Handlers = {
    get isUp() {
      return lanes.some(({ supervisor }) => supervisor.isReady);
    },
    get running() {
      return runs.size;
    },
    get processes() {
      return countProcesses(lanes.map(({ supervisor }) => supervisor));
    },
    onChange: () => undefined,
    start: () => lanes.forEach(({ supervisor }) => supervisor.start()),
    run(job) {
      if (isStopping) return job.onEnd({ type: 'given back', reason: 'the worker stops' });
      const id = ++lastId;
      const untilMs = clock.now() + job.reservedMs;
      const run: Run = { id, job, lane: undefined, untilMs, timer: undefined, isHeard: false };
      runs.set(id, run);
      assign(run);
      const late = { type: 'given back' as const, reason: 'no handler process was ready' };
      run.timer ??= clock.after(job.reservedMs, () => over(run, late));
    },
    interrupt() {
      isStopping = true;
      for (const run of runs.values())
        if (run.lane) abort(run, 'stop');
        else over(run, { type: 'given back', reason: 'the worker stops' });
    },
    giveBack() {
      isStopping = true;
      for (const run of runs.values()) over(run, { type: 'given back', reason: 'the worker stops' });
    },
    async close() {
      await Promise.all(lanes.map(({ supervisor }) => supervisor.close()));
      budget.flush();
    },
  };
  return handlers;
}
