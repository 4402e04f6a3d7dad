// Stores the records of jobs that ran in the same turn with one call, before the broker is told. When the store refuses them, it
// is asked again for some time; then the broker gets the jobs back.
import type { Clock } from '../domain/clock.ts';
import type { JobRecord, ResultStore } from '../domain/results.ts';
import type { WorkerLog } from './job-log.ts';
import type { EndedRun } from './ended-run.ts';
import { createStoreAttempts } from './store-attempts.ts';

export interface RecorderOptions {
  results: ResultStore;
  clock: Clock;
  onStored: (ends: readonly EndedRun[]) => void;
  /** Called when the store did not take the records in time. */
  onGivenUp: (ends: readonly EndedRun[]) => void;
  /** Called when the store takes writes, for the first time or again. */
  onUp: () => void;
  log: WorkerLog;
}

export interface Recorder {
  /** Jobs whose records are not stored yet. The caller limits their number. */
  readonly size: number;
  /** True while the store is known to take writes. */
  readonly isUp: boolean;
  /** Asks the store whether it takes writes. */
  start(): void;
  add(end: EndedRun): void;
  /** Begins to store the added records, unless a call is under way. */
  flush(): void;
  /** Ends all attempts and returns the ends whose records are not stored. */
  takeAll(): EndedRun[];
}

interface Entry {
  end: EndedRun;
  addedMs: number;
}

/** Records of one command to the store. More would delay the store's other callers. */
const groupMax = 500;
/** A restart of Redis takes less time. Together with the time for the ACK it is well below the 60 s of a reservation. */
const retryForMs = 15_000;

export function createRecorder({ results, clock, onStored, onGivenUp, onUp, log }: RecorderOptions): Recorder {
  let waiting: Entry[] = [];
  let storing: Entry[] = [];
  const attempts = createStoreAttempts({ clock, onUp, onEnded: flush, log });

  function flush(): void {
    if (storing.length > 0 || waiting.length === 0) return;
    attempts.cancel();
    storing = waiting.slice(0, groupMax);
    waiting = waiting.slice(groupMax);
    store();
  }

  function store(): void {
    const group = storing;
    const put = results.put(group.map(({ end }) => end.record as JobRecord));
    attempts.begin(put, {
      onTaken() {
        storing = [];
        onStored(group.map(({ end }) => end));
      },
      onRefused() {
        if (clock.now() - (group[0] as Entry).addedMs < retryForMs) return attempts.later(store);
        storing = [];
        log.warn({ jobs: group.length }, 'results could not be stored: their jobs are given back to the broker');
        onGivenUp(group.map(({ end }) => end));
        if (waiting.length === 0) attempts.later(probe);
      },
    });
  }

  function probe(): void {
    attempts.begin(results.check(), {
      onTaken: () => undefined,
      onRefused() {
        if (storing.length === 0) attempts.later(probe);
      },
    });
  }

  return {
    get size() {
      return waiting.length + storing.length;
    },
    get isUp() {
      return attempts.isUp;
    },
    start: probe,
    add: (end) => void waiting.push({ end, addedMs: clock.now() }),
    flush,
    takeAll() {
      attempts.close();
      const left = [...storing, ...waiting].map(({ end }) => end);
      storing = [];
      waiting = [];
      return left;
    },
  };
}
