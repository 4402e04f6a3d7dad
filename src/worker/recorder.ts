// Stores the records of jobs that ran in the same turn with one call, before the broker is told. A store that is away
// is asked again for a while; then the jobs are given back to the broker, and nothing is fetched until it answers.
import type { Clock, Timer } from '../domain/clock.ts';
import type { JobRecord, ResultStore } from '../domain/results.ts';
import type { WorkerLog } from './job-log.ts';
import type { JobEnd } from './run-job.ts';

export interface RecorderOptions {
  results: ResultStore;
  clock: Clock;
  onStored: (ends: readonly JobEnd[]) => void;
  /** The store did not take them in time. */
  onGivenUp: (ends: readonly JobEnd[]) => void;
  /** The store answers again. */
  onUp: () => void;
  log: WorkerLog;
}

export interface Recorder {
  /** Jobs whose records are not stored yet. The caller keeps them few. */
  readonly size: number;
  readonly isDown: boolean;
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
/** Of a jid's form, and nobody's. */
const probeJid = 'worker-probe';

export function createRecorder({ results, clock, onStored, onGivenUp, onUp, log }: RecorderOptions): Recorder {
  let waiting: Entry[] = [];
  let storing: Entry[] = [];
  let failures = 0;
  let timer: Timer | undefined;
  let isClosed = false;

  const pauseMs = (): number => Math.min(retryPauseMsMin * 2 ** Math.min(failures - 1, 10), retryPauseMsMax);

  function flush(): void {
    if (isClosed || storing.length > 0 || waiting.length === 0) return;
    timer?.cancel();
    storing = waiting.slice(0, groupMax);
    waiting = waiting.slice(groupMax);
    store();
  }

  function store(): void {
    const group = storing;
    results
      .put(group.map(({ end }) => end.record as JobRecord))
      .then(
        () => {
          if (isClosed) return;
          recovered();
          storing = [];
          onStored(group.map(({ end }) => end));
        },
        (error: unknown) => {
          if (!isClosed) failed(group, error as Error);
        },
      )
      .finally(flush);
  }

  function failed(group: readonly Entry[], error: Error): void {
    if (failures++ === 0) log.error({ error: error.message }, 'the result store is away; no job is acknowledged');
    if (clock.now() - (group[0] as Entry).addedMs < retryForMs) {
      timer = clock.after(pauseMs(), store);
      return;
    }
    storing = [];
    onGivenUp(group.map(({ end }) => end));
    if (waiting.length === 0) timer = clock.after(pauseMs(), probe);
  }

  function probe(): void {
    results.get(probeJid).then(
      () => isClosed || recovered(),
      () => {
        failures++;
        if (!isClosed && storing.length === 0) timer = clock.after(pauseMs(), probe);
      },
    );
  }

  function recovered(): void {
    if (failures === 0) return;
    failures = 0;
    log.info('the result store is there again');
    onUp();
  }

  return {
    get size() {
      return waiting.length + storing.length;
    },
    get isDown() {
      return failures > 0;
    },
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
