// Attempts at the result store, and their outcome: nothing is fetched until the store has taken a write, at the start and again
// after each failure.
import { backoffMs } from '../domain/backoff.ts';
import type { Clock, Timer } from '../domain/clock.ts';
import type { WorkerLog } from './job-log.ts';

export interface StoreAttempts {
  /** True when the last attempt has succeeded. */
  readonly isUp: boolean;
  /** Calls exactly one of the two functions, unless `close` comes first. */
  begin(attempt: Promise<void>, outcome: { onTaken: () => void; onRefused: () => void }): void;
  /** Calls `next` after a pause that grows with the failures in a row. It replaces an earlier `next`. */
  later(next: () => void): void;
  /** Drops the `next` that `later` was given. */
  cancel(): void;
  close(): void;
}

export interface StoreAttemptsOptions {
  clock: Clock;
  /** Called when the store takes writes, for the first time or again. */
  onUp: () => void;
  /** Called after each attempt. */
  onEnded: () => void;
  log: WorkerLog;
}

const pause = { minMs: 100, maxMs: 2000 };

export function createStoreAttempts({ clock, onUp, onEnded, log }: StoreAttemptsOptions): StoreAttempts {
  let isUp = false;
  let isClosed = false;
  let failures = 0;
  let timer: Timer | undefined;

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
    get isUp() {
      return isUp;
    },
    begin(attempt, { onTaken, onRefused }) {
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
        .finally(() => {
          if (!isClosed) onEnded();
        });
    },
    later(next) {
      timer?.cancel();
      timer = clock.after(backoffMs(failures, pause), next);
    },
    cancel: () => timer?.cancel(),
    close() {
      isClosed = true;
      timer?.cancel();
    },
  };
}
