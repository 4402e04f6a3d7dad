// Stores the latest progress of each running job, all with one call, at most once a second. A progress that cannot be stored is
// dropped.
import type { Clock, Timer } from '../domain/clock.ts';
import type { JobRecord, ResultStore } from '../domain/results.ts';

export interface ProgressKeeper {
  note(record: JobRecord): void;
  /** Call it when the job has ended: its progress is not stored any more. */
  drop(jid: string): void;
}

const everyMs = 1000;

export function createProgressKeeper(results: ResultStore, clock: Clock): ProgressKeeper {
  const latest = new Map<string, JobRecord>();
  let storedMs = -Infinity;
  let timer: Timer | undefined;

  function store(): void {
    timer = undefined;
    if (latest.size === 0) return;
    storedMs = clock.now();
    const records = [...latest.values()];
    latest.clear();
    void results.put(records).catch(() => undefined);
  }

  return {
    note(record) {
      latest.set(record.job_id, record);
      timer ??= clock.after(Math.max(0, storedMs + everyMs - clock.now()), store);
    },
    drop: (jid) => void latest.delete(jid),
  };
}
