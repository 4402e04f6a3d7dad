// Periodic tasks, with Faktory's intervals (server/tasks.go, v1.9.4).
import type { BrokerClock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import { lookEveryMs, type LostWorkers } from './lost-workers.ts';
import type { JobSet } from './job-set.ts';
import type { Workers } from './workers.ts';

/** The statistics in INFO, with Faktory's names: how often a set was scanned, how many jobs came out, and how long it took. */
export interface SetTaskStats {
  cycles: number;
  enqueued: number;
  wall_time_sec: number;
}

export interface TaskStats {
  Scheduled: SetTaskStats;
  Retries: SetTaskStats;
  Dead: SetTaskStats;
  Busy: { reaped: number };
  Workers: { reaped: number };
}

export interface Tasks {
  readonly stats: TaskStats;
  stop(): void;
}

interface TasksOptions {
  engine: Engine;
  workers: Workers;
  lostWorkers: LostWorkers;
  clock: BrokerClock;
  deadJobsMax: number;
  report: (message: string, cause?: unknown) => void;
}

const dueEveryMs = 5000;
const reapEveryMs = 15_000;
const purgeEveryMs = 60_000;
/** One scan reads at most this many jobs. The next scan follows at once, after the commands that came in between. */
const scanJobsMax = 1000;

const freshStats = (): SetTaskStats => ({ cycles: 0, enqueued: 0, wall_time_sec: 0 });

export function startTasks(options: TasksOptions): Tasks {
  const { engine, workers, lostWorkers, clock, deadJobsMax, report } = options;
  const stats: TaskStats = {
    Scheduled: freshStats(),
    Retries: freshStats(),
    Dead: freshStats(),
    Busy: { reaped: 0 },
    Workers: { reaped: 0 },
  };
  let stopped = false;
  const { every, cancel } = createTimetable(clock, (run) =>
    Promise.resolve()
      .then(() => (engine.ledger.failure() === undefined ? run() : undefined))
      .catch((error: unknown) => report('a periodic task of the broker failed', error)),
  );

  async function takeAllDue(set: () => JobSet, nowMs: number, take: (text: string) => void): Promise<number> {
    let sum = 0;
    for (let taken = 1; taken > 0;) {
      taken = await set().takeDue(nowMs, scanJobsMax, take);
      sum += taken;
      if (taken === 0 || stopped || engine.ledger.failure() !== undefined) break;
      await new Promise<void>((resolve) => {
        if (engine.ledger.join({ settle: () => resolve() }) === 0) resolve();
      });
    }
    return sum;
  }

  const enqueueDue = (name: 'scheduled' | 'retries'): Promise<number> =>
    takeAllDue(() => engine.state()[name], clock.nowMs(), engine.handOut.enqueueText);

  async function purge(): Promise<number> {
    engine.state().keys.dropOld();
    await engine.state().locks.sweep();
    let purged = await takeAllDue(
      () => engine.state().dead,
      clock.nowMs(),
      () => {},
    );
    for (let above = 1, taken = 1; above > 0 && taken > 0; purged += taken) {
      const dead = engine.state().dead;
      above = dead.record().count - deadJobsMax;
      taken = above > 0 ? await dead.takeDue(Number.MAX_SAFE_INTEGER - 1, Math.min(above, scanJobsMax), () => {}) : 0;
    }
    return purged;
  }

  every(dueEveryMs, () => measured(stats.Scheduled, () => enqueueDue('scheduled')));
  every(dueEveryMs, () => measured(stats.Retries, () => enqueueDue('retries')));
  every(reapEveryMs, () => void (stats.Busy.reaped += engine.endings.expire()));
  every(lookEveryMs, () => void (stats.Busy.reaped += lostWorkers.look()));
  every(reapEveryMs, () => void (stats.Workers.reaped += workers.reap(clock.nowMs())));
  every(purgeEveryMs, () => measured(stats.Dead, purge));
  return {
    stats,
    stop() {
      stopped = true;
      cancel();
    },
  };
}

async function measured(task: SetTaskStats, run: () => Promise<number>): Promise<void> {
  const startMs = performance.now();
  task.enqueued += await run();
  task.cycles++;
  task.wall_time_sec += (performance.now() - startMs) / 1000;
}

/** @param guard runs a task, and never rejects */
function createTimetable(clock: BrokerClock, guard: (run: () => Promise<void> | void) => Promise<void>) {
  const cancels = new Set<() => void>();
  let isOver = false;

  function every(delayMs: number, run: () => Promise<void> | void): void {
    const cancel = clock.after(delayMs, () => {
      cancels.delete(cancel);
      void guard(run).then(() => {
        if (!isOver) every(delayMs, run);
      });
    });
    cancels.add(cancel);
  }

  return {
    /** Runs a task again and again. The pause begins when the last run has ended. */
    every,
    cancel(): void {
      isOver = true;
      for (const cancel of cancels) cancel();
    },
  };
}
