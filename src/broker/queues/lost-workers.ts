// Workers that have jobs and no connection. After some time their jobs are requeued; Faktory waits for the end of each
// reservation (docs/broker.md). A worker that connects again in time keeps its jobs.
import type { Endings } from './endings.ts';
import type { State } from '../state.ts';
import type { Workers } from './workers.ts';

export interface LostWorkers {
  /** Takes back the jobs of workers that ended with an earlier process of this broker. To be called before any worker comes. */
  begin(): void;
  /** To be called every `lookEveryMs`. Returns how many jobs were taken back. */
  look(): number;
  /** Called when a connection has said HELLO with this wid. */
  seen(wid: string | undefined): void;
}

interface LostWorkersOptions {
  state: () => State;
  workers: Workers;
  endings: Endings;
  /** 0: never. */
  lostAfterMs: number;
  onLost: (wids: string[], jobs: number) => void;
}

export const lookEveryMs = 1000;

export function createLostWorkers(options: LostWorkersOptions): LostWorkers {
  const { state, workers, endings, lostAfterMs, onLost } = options;
  /** In how many looks in a row each worker was missing. Time does not count: clocks jump, and a process may be suspended. */
  let missing = new Map<string, number>();

  function takeBack(lost: ReadonlySet<string>): number {
    if (lost.size === 0) return 0;
    const jobs = endings.takeBackOf(lost);
    onLost([...lost], jobs);
    return jobs;
  }

  return {
    begin() {
      if (lostAfterMs > 0) takeBack(state().working.formerWids);
    },
    look() {
      if (lostAfterMs === 0) return 0;
      const before = missing;
      missing = new Map();
      const lost = new Set<string>();
      for (const wid of state().working.workers()) {
        if (workers.has(wid)) continue;
        const looks = (before.get(wid) ?? 0) + 1;
        // The first look comes up to `lookEveryMs` after the loss.
        if ((looks - 1) * lookEveryMs < lostAfterMs) missing.set(wid, looks);
        else lost.add(wid);
      }
      return takeBack(lost);
    },
    seen(wid) {
      if (wid !== undefined) missing.delete(wid);
    },
  };
}
