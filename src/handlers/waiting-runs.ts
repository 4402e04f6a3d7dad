// Jobs that wait for a handler process, each for as long as its reservation allows.
import type { Clock } from '../domain/clock.ts';
import { requeued, type Run } from './run.ts';

export interface WaitingRuns extends Iterable<Run> {
  readonly size: number;
  add(run: Run): void;
  /** Call it when a process takes the run. */
  remove(run: Run): void;
  requeue(reason: string): void;
}

export function createWaitingRuns(clock: Clock): WaitingRuns {
  const runs = new Set<Run>();

  function remove(run: Run): void {
    run.timer?.cancel();
    runs.delete(run);
  }

  function requeueOne(run: Run, reason: string): void {
    remove(run);
    run.job.onEnd(requeued(reason));
  }

  return {
    get size() {
      return runs.size;
    },
    [Symbol.iterator]: () => runs.values(),
    add(run) {
      runs.add(run);
      run.timer = clock.after(run.job.reservedMs, () => requeueOne(run, 'no handler process was ready'));
    },
    remove,
    requeue(reason) {
      for (const run of runs) requeueOne(run, reason);
    },
  };
}
