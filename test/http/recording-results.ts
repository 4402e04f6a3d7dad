// A ResultStore in memory that a test can end jobs in, and break.
import { isEnded, isWaiting, type JobRecord, type ResultStore } from '../../src/domain/results.ts';

interface RecordingResults extends ResultStore {
  /** How many callers are held in `wait` now. */
  waiting: () => number;
  /** Resolves as soon as that many are. */
  untilWaiting: (count: number) => Promise<void>;
  /** Undefined mends it. */
  breakWith: (error: Error | undefined) => void;
}

interface Waiter {
  jid: string;
  finish: () => void;
}

export function createRecordingResults(): RecordingResults {
  const records = new Map<string, JobRecord>();
  const waiters = new Set<Waiter>();
  const watchers = new Set<() => void>();
  let broken: Error | undefined;
  const changed = (): void => watchers.forEach((watch) => watch());
  const get = async (jid: string): Promise<JobRecord | undefined> => {
    if (broken) throw broken;
    return records.get(jid);
  };
  const put = async (next: readonly JobRecord[]): Promise<void> => {
    if (broken) throw broken;
    for (const record of next)
      if (isEnded(record) || !isEnded(records.get(record.job_id))) records.set(record.job_id, record);
    for (const waiter of waiters) {
      if (isEnded(records.get(waiter.jid))) waiter.finish();
    }
  };
  return {
    get,
    async wait(jid, timeoutMs, signal) {
      const present = await get(jid);
      if (isEnded(present)) return present;
      await new Promise<void>((resolve) => {
        const finish = (): void => {
          clearTimeout(timer);
          waiters.delete(waiter);
          resolve();
          changed();
        };
        const timer = setTimeout(finish, timeoutMs);
        const waiter = { jid, finish };
        waiters.add(waiter);
        signal?.addEventListener('abort', finish, { once: true });
        changed();
      });
      return get(jid);
    },
    put,
    async cancel(record) {
      if (!isWaiting(await get(record.job_id))) return false;
      await put([record]);
      return true;
    },
    check: async () => undefined,
    remember: (jobs) =>
      jobs.forEach(({ jid, record }) => records.set(jid, record ?? { job_id: jid, state: 'pending' })),
    close: async () => undefined,
    waiting: () => waiters.size,
    untilWaiting: (count) =>
      new Promise((resolve) => {
        const watch = (): void => {
          if (waiters.size !== count) return;
          watchers.delete(watch);
          resolve();
        };
        watchers.add(watch);
        watch();
      }),
    breakWith: (error) => void (broken = error),
  };
}
