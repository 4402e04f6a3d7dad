// What happens by time alone, in Faktory's rhythm (server/tasks.go, v1.9.4).
import type { BrokerClock } from './clock.ts';
import type { Engine } from './engine.ts';
import type { TimedSet } from './timed-set.ts';
import type { Workers } from './workers.ts';

interface TasksOptions {
  engine: Engine;
  workers: Workers;
  clock: BrokerClock;
  deadJobsMax: number;
  report: (message: string, cause?: unknown) => void;
}

const dueEveryMs = 5000;
const reapEveryMs = 15_000;
const purgeEveryMs = 60_000;
/** One look reads this many jobs; the next follows at once, after what came in between. */
const lookJobsMax = 1000;

/** @returns stops them */
export function startTasks({ engine, workers, clock, deadJobsMax, report }: TasksOptions): () => void {
  const cancels = new Set<() => void>();
  let stopped = false;

  function every(delayMs: number, run: () => Promise<void> | void): void {
    const cancel = clock.after(delayMs, () => {
      cancels.delete(cancel);
      Promise.resolve()
        .then(() => (engine.ledger.broken() === undefined ? run() : undefined))
        .catch((error: unknown) => report('a periodic task of the broker failed', error))
        .finally(() => {
          if (!stopped) every(delayMs, run);
        });
    });
    cancels.add(cancel);
  }

  async function takeAllDue(set: () => TimedSet, nowMs: number, take: (text: string) => void): Promise<void> {
    while ((await set().takeDue(nowMs, lookJobsMax, take)) > 0) {
      if (stopped || engine.ledger.broken() !== undefined) return;
      await new Promise<void>((resolve) => {
        if (engine.ledger.join({ settle: () => resolve() }) === 0) resolve();
      });
    }
  }

  async function purge(): Promise<void> {
    await takeAllDue(
      () => engine.state().dead,
      clock.nowMs(),
      () => {},
    );
    for (let above = 1; above > 0;) {
      const dead = engine.state().dead;
      above = dead.record().count - deadJobsMax;
      if (above > 0 && (await dead.takeDue(Number.MAX_SAFE_INTEGER - 1, Math.min(above, lookJobsMax), () => {})) === 0)
        return;
    }
  }

  every(dueEveryMs, () => takeAllDue(() => engine.state().scheduled, clock.nowMs(), engine.delivery.enqueueText));
  every(dueEveryMs, () => takeAllDue(() => engine.state().retries, clock.nowMs(), engine.delivery.enqueueText));
  every(reapEveryMs, () => void engine.delivery.expire());
  every(reapEveryMs, () => void workers.reap(clock.nowMs()));
  every(purgeEveryMs, purge);
  return () => {
    stopped = true;
    for (const cancel of cancels) cancel();
  };
}
