// Stores the records of jobs that ran in the same turn with one call, before the broker is told. Nothing is fetched until
// the store has shown that it takes writes: at the start, and again after each failure. A store that refuses is asked for a
// while; then the jobs are given back to the broker.
import type { Clock, Timer } from '../domain/clock.ts';
import type { JobRecord, ResultStore } from '../domain/results.ts';
import type { WorkerLog } from './job-log.ts';
import type { JobEnd } from './job-end.ts';

export interface RecorderOptions {
  results: ResultStore;
  clock: Clock;
  onStored: (ends: readonly JobEnd[]) => void;
  /** The store did not take them in time. */
  onGivenUp: (ends: readonly JobEnd[]) => void;
  /** The store takes writes, for the first time or again. */
  onUp: () => void;
  log: WorkerLog;
}

export interface Recorder {
  /** Jobs whose records are not stored yet. The caller keeps them few. */
  readonly size: number;
  /** True while the store is known to take writes. */
  readonly isUp: boolean;
  /** Asks the store whether it takes writes. */
  start(): void;
  add(end: JobEnd): void;
  /** Begins to store what was added, unless it is at it. */
  flush(): void;
  /** Ends all attempts and hands over what is not stored. */
  takeAll(): JobEnd[];
}

interface Entry {
  end: JobEnd;
  addedMs: number;
}

/** One command to the store; more would hold up its other callers. */
const groupMax = 500;
/** A restart of Redis takes less; together with the broker's retries well below the 60 s of a reservation. */
const retryForMs = 15_000;
const retryPauseMsMin = 100;
const retryPauseMsMax = 2000;

export function createRecorder({ results, clock, onStored, onGivenUp, onUp, log }: RecorderOptions): Recorder {
  let waiting: Entry[] = [];
  let storing: Entry[] = [];
  let isUp = false;
  /** In a row. */
  let failures = 0;
  let timer: Timer | undefined;
  let isClosed = false;

  function flush(): void {
    if (isClosed || storing.length > 0 || waiting.length === 0) return;
    timer?.cancel();
    storing = waiting.slice(0, groupMax);
    waiting = waiting.slice(groupMax);
    store();
  }

  function store(): void {
    const group = storing;
    const put = results.put(group.map(({ end }) => end.record as JobRecord));
    ask(put, {
      onTaken() {
        storing = [];
        onStored(group.map(({ end }) => end));
      },
      onRefused() {
        if (clock.now() - (group[0] as Entry).addedMs < retryForMs) return void again(store);
        storing = [];
        log.warn({ jobs: group.length }, 'results could not be stored: their jobs are given back to the broker');
        onGivenUp(group.map(({ end }) => end));
        if (waiting.length === 0) again(probe);
      },
    });
  }

  function probe(): void {
    ask(results.check(), {
      onTaken: () => undefined,
      onRefused() {
        if (storing.length === 0) again(probe);
      },
    });
  }

  function ask(attempt: Promise<void>, { onTaken, onRefused }: { onTaken: () => void; onRefused: () => void }): void {
    attempt
      .then(
        () => {
          if (isClosed) return;
          taken();
          onTaken();
        },
        (error: unknown) => {
          if (isClosed) return;
          refused(error as Error);
          onRefused();
        },
      )
      .finally(flush);
  }

  function again(attempt: () => void): void {
    const pauseMs = Math.min(retryPauseMsMin * 2 ** Math.min(failures - 1, 10), retryPauseMsMax);
    timer?.cancel();
    timer = clock.after(pauseMs, attempt);
  }

  function taken(): void {
    if (failures > 0) log.info('the result store takes results again');
    failures = 0;
    if (isUp) return;
    isUp = true;
    onUp();
  }

  function refused({ message }: Error): void {
    isUp = false;
    if (failures++ === 0) log.error({ error: message }, 'the result store takes no results: nothing is fetched');
  }

  return {
    get size() {
      return waiting.length + storing.length;
    },
    get isUp() {
      return isUp;
    },
    start: probe,
    add: (end) => void waiting.push({ end, addedMs: clock.now() }),
    flush,
    takeAll() {
      isClosed = true;
      timer?.cancel();
      const left = [...storing, ...waiting].map(({ end }) => end);
      storing = [];
      waiting = [];
      return left;
    },
  };
}
