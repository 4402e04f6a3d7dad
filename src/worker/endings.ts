// The end of a job's run: its record is stored, then the broker is told, then the line of the log is written. Jobs that did
// not end in time are requeued.
import type { Clock } from '../domain/clock.ts';
import type { Failure, JobSource, Told } from '../domain/job-source.ts';
import type { ResultStore } from '../domain/results.ts';
import type { EndedRun } from './ended-run.ts';
import { createJobLog, type WorkerLog } from './job-log.ts';
import { createRecorder } from './recorder.ts';
import { createRequeue } from './requeue.ts';

export interface EndingsOptions {
  source: Pick<JobSource<EndedRun>, 'reporting' | 'takesBack' | 'ack' | 'fail' | 'requeue'>;
  results: ResultStore | undefined;
  clock: Clock;
  /** Called when a job is over, or the store takes writes. */
  onChange: () => void;
  /** Called when a unique job is over. */
  onUnlocked?: ((lock: string, jid: string) => void) | undefined;
  log: WorkerLog;
}

export interface Endings {
  /** Jobs that ran and are not stored yet. */
  readonly storing: number;
  /** True when nothing is under way. */
  readonly isIdle: boolean;
  /** True while the store takes writes. */
  readonly takesResults: boolean;
  start(): void;
  add(end: EndedRun): void;
  /** Call it when the broker has replied to the ACK or FAIL of an end. */
  onTold(told: Told<EndedRun>): void;
  /** Call it when the report of an end is over. */
  onOver(end: EndedRun): void;
  /** Stores the ends that were added in this turn. */
  flush(): void;
  /** From now on the broker gets the ends, and nothing is stored. Returns how many records were not stored. */
  cutShort(): number;
  /** Jobs to requeue are not reported from now on: the broker requeues them when the worker has ended. */
  leaveToBroker(): void;
  /** Logs the number of lines that the log has left out. */
  close(): void;
}

const notStored: Failure = { errtype: 'ResultNotStored', message: 'the result could not be stored', backtrace: [] };
const stopped: Failure = { errtype: 'WorkerStopped', message: 'the worker ended before the job did', backtrace: [] };

/** The broker does not have the job any more, or has it in the dead set. */
const isOver = ({ end: { outcome, failEffect }, failure, isKnown }: Told<EndedRun>): boolean =>
  failure === undefined || (isKnown && (failEffect === 'gone' || (failEffect === 'dead' && outcome !== 'requeued')));

export function createEndings(options: EndingsOptions): Endings {
  const { source, results, clock, onChange, log } = options;
  const jobLog = createJobLog(log, clock);
  let isCutShort = false;

  const requeue = createRequeue(options);
  const recorder =
    results &&
    createRecorder({
      results,
      clock,
      onStored: (ends) => ends.forEach(report),
      onGivenUp: (ends) => ends.forEach((end) => source.fail(end, end.failure ?? notStored)),
      onUp: onChange,
      log,
    });

  function report(end: EndedRun): void {
    if (end.failure) source.fail(end, end.failure);
    else source.ack(end);
  }

  return {
    get storing() {
      return recorder?.size ?? 0;
    },
    get isIdle() {
      return (recorder?.size ?? 0) + source.reporting + requeue.pending === 0;
    },
    get takesResults() {
      return recorder?.isUp ?? true;
    },
    start: () => recorder?.start(),
    add(given) {
      const end = given.outcome === 'requeued' ? requeue.enter(given) : given;
      if (end === undefined) return;
      if (isCutShort) source.fail(end, end.failure ?? stopped);
      else if (recorder && end.record) recorder.add(end);
      else report(end);
    },
    onTold(told) {
      if (told.end.outcome === 'requeued' && told.isKnown) requeue.failed(told.end);
      jobLog.write(told);
      const { lock, jid } = told.end;
      if (lock !== undefined && isOver(told)) options.onUnlocked?.(lock, jid);
    },
    onOver(end) {
      if (end.outcome === 'requeued') requeue.over();
      onChange();
    },
    flush: () => recorder?.flush(),
    cutShort() {
      isCutShort = true;
      const left = recorder?.takeAll() ?? [];
      for (const end of left) source.fail(end, end.failure ?? stopped);
      return left.length;
    },
    leaveToBroker: requeue.leaveToBroker,
    close: jobLog.flush,
  };
}
