// Callers that wait for a job to end. Each is woken once, and none polls. Both result stores use it.
import { setMaxListeners } from 'node:events';
import { isEnded, type JobRecord } from '../domain/results.ts';

export interface Waiters {
  readonly size: number;
  /** The ids that are waited for. */
  readonly jids: Iterable<string>;
  has(jid: string): boolean;
  wait(jid: string, timeoutMs: number, signal?: AbortSignal): Promise<JobRecord | undefined>;
  /** Hands an ended job's record to all who wait for it. */
  wake(record: JobRecord): void;
  /** Ends all waits. */
  close(): void;
}

/** @param record undefined when the time is up */
type Resolve = (record: JobRecord | undefined) => void;

/** @param read reads the present record */
export function createWaiters(read: (jid: string) => Promise<JobRecord | undefined>): Waiters {
  const waiting = new Map<string, Set<Resolve>>();

  function enter(jid: string, resolve: Resolve): void {
    const others = waiting.get(jid);
    if (others) others.add(resolve);
    else waiting.set(jid, new Set([resolve]));
  }

  function leave(jid: string, resolve: Resolve): void {
    const all = waiting.get(jid);
    if (all?.delete(resolve) && all.size === 0) waiting.delete(jid);
  }

  return {
    get size() {
      return waiting.size;
    },
    get jids() {
      return waiting.keys();
    },
    has: (jid) => waiting.has(jid),
    async wait(jid, timeoutMs, signal) {
      if (timeoutMs <= 0 || signal?.aborted) return read(jid);
      let resolve: Resolve = () => undefined;
      // Entered before the first read, so that a job that ends in between is not missed.
      const woken = new Promise<JobRecord | undefined>((settle) => enter(jid, (resolve = settle)));
      const giveUp = (): void => resolve(undefined);
      const timer = setTimeout(giveUp, timeoutMs);
      if (signal) {
        // All waiters share one signal, so many listeners are no leak.
        setMaxListeners(0, signal);
        signal.addEventListener('abort', giveUp);
      }
      try {
        const present = await read(jid);
        if (isEnded(present)) return present;
        return (await woken) ?? (await read(jid));
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', giveUp);
        leave(jid, resolve);
      }
    },
    wake(record) {
      for (const resolve of waiting.get(record.job_id) ?? []) resolve(record);
    },
    close() {
      for (const all of waiting.values()) for (const resolve of all) resolve(undefined);
    },
  };
}
