// Jobs that wait for a handler process, each for as long as its reservation allows.
import type { Clock } from '../domain/clock.ts';
import { givenBack, type Run } from './run.ts';

export interface WaitingRuns extends Iterable<Run> {
  readonly size: number;
  add(run: Run): void;
  /** A process takes it. */
  remove(run: Run): void;
  giveBack(reason: string): void;
}

export function createWaitingRuns(clock: Clock): WaitingRuns {
  const runs = new Set<Run>();

  function remove(run: Run): void {
    run.timer?.cancel();
    runs.delete(run);
  }

  function giveBackOne(run: Run, reason: string): void {
    remove(run);
    run.job.onEnd(givenBack(reason));
  }

  return {
    get size() {
      return runs.size;
    },
    [Symbol.iterator]: () => runs.values(),
    add(run) {
      runs.add(run);
      run.timer = clock.after(run.job.reservedMs, () => giveBackOne(run, 'no handler process was ready'));
    },
    remove,
    giveBack(reason) {
      for (const run of runs) giveBackOne(run, reason);
    },
  };
}
