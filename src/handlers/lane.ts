// One handler process and the jobs that it runs. What the process says is not trusted: the end of a job is a report of its
// process, the end of its time, or the end of the process.
import type { Clock } from '../domain/clock.ts';
import type { HandlerLog, LineBudget } from './line-budget.ts';
import { formatMessage, formatRun, type AbortReason, type FromHandler, type HandlerEnd } from './messages.ts';
import { requeued, lostRun, type Run, type RunEnd } from './run.ts';
import { createKeptProcess, type KeptProcess, type KeptProcessOptions } from './kept-process.ts';

export interface LaneOptions {
  startProcess: KeptProcessOptions['start'];
  clock: Clock;
  budget: LineBudget;
  log: HandlerLog;
  onReady: () => void;
  /** Called when the process has ended by itself. */
  onGone: (reason: string) => void;
  /** Called when the process was killed because it hung. */
  onReplaced: () => void;
  onEnd: (run: Run, end: RunEnd) => void;
}

export interface Lane {
  readonly keptProcess: KeptProcess;
  /** Jobs in the process. */
  readonly size: number;
  /** Begins a run. Only while the process is ready. */
  begin(run: Run): void;
  /** Fires the signals of all runs. */
  interrupt(): void;
  /** Ends all runs, whose jobs are requeued. */
  requeue(reason: string): void;
}

/** The time between the signal and the end of a job that ignores it. */
export const graceMs = 5000;
/** Runs that were given up still hold memory and connections. A new process frees them. */
const abandonedMax = 10;

const isEnd = (message: FromHandler): message is HandlerEnd =>
  message.type === 'succeeded' || message.type === 'failed' || message.type === 'threw';

function take(run: Run, message: Exclude<FromHandler, HandlerEnd | { type: 'ready' }>, budget: LineBudget): void {
  const { jid, name, attempt, onProgress } = run.job;
  if (message.type === 'aborted') run.isHeard = true;
  else if (message.type === 'progress') onProgress(message.percent, message.note);
  else budget.write(message.level, message.message, { ...message.fields, jid, operation: name, attempt });
}

const goneEnd = ({ id }: Run, reason: string, jobs: number): RunEnd => {
  const others = jobs > 1 ? `, and ${jobs - 1} others` : '';
  return lostRun(id, 'HandlerProcessEnded', `the handler process ${reason} while this job ran${others}`);
};

function timeoutEnd({ id, job: { timeoutMs, reservedMs } }: Run): RunEnd {
  const seconds = Math.min(timeoutMs, reservedMs) / 1000;
  const message = `the job has not ended within ${seconds} s, nor ${graceMs / 1000} s after its signal`;
  return lostRun(id, 'Timeout', message);
}

export function createLane(options: LaneOptions): Lane {
  const { clock, budget, log, onReady, onEnd } = options;
  const runs = new Map<number, Run>();
  /** The ids of runs that were given up and go on. */
  const abandoned = new Set<number>();
  const keptProcess = createKeptProcess({ start: options.startProcess, clock, budget, onReady, onMessage, onGone });

  function onMessage(message: Exclude<FromHandler, { type: 'ready' }>): void {
    const run = runs.get(message.id);
    if (run === undefined) return void (isEnd(message) && abandoned.delete(message.id));
    if (isEnd(message)) end(run, message);
    else take(run, message, budget);
  }

  function onGone(reason: string, lastWords: string | undefined): void {
    const jobs = runs.size;
    log.error({ reason, lastWords, jobs }, 'a handler process has ended and is started again');
    abandoned.clear();
    options.onGone(lastWords ?? reason);
    for (const run of runs.values()) end(run, goneEnd(run, reason, jobs));
  }

  function end(run: Run, how: RunEnd): void {
    run.timer?.cancel();
    runs.delete(run.id);
    onEnd(run, how);
  }

  const abort = ({ id }: Run, reason: AbortReason): void =>
    keptProcess.send(formatMessage({ type: 'abort', id, reason }));

  function giveUp(run: Run): void {
    abandoned.add(run.id);
    end(run, timeoutEnd(run));
    if (!run.isHeard) replace('it does not answer');
    else if (abandoned.size === abandonedMax) replace(`${abandonedMax} runs in it did not end in time`);
  }

  function replace(reason: string): void {
    log.error({ reason, jobs: runs.size }, 'a handler process is killed and started again');
    abandoned.clear();
    keptProcess.replace();
    requeue('its handler process was replaced');
    options.onReplaced();
  }

  function requeue(reason: string): void {
    for (const run of runs.values()) end(run, requeued(reason));
  }

  return {
    keptProcess,
    get size() {
      return runs.size;
    },
    begin(run) {
      const { name, attempt, text, timeoutMs } = run.job;
      runs.set(run.id, run);
      run.timer = clock.after(Math.min(timeoutMs, run.untilMs - clock.now()), () => {
        abort(run, 'timeout');
        run.timer = clock.after(graceMs, () => giveUp(run));
      });
      keptProcess.send(formatRun({ id: run.id, name, attempt }, text));
    },
    interrupt: () => runs.forEach((run) => abort(run, 'stop')),
    requeue,
  };
}
