// The turns of a worker. Its work is done after the input of a turn of the event loop, so that jobs that came together are
// fetched, stored and acknowledged together.
import type { Clock } from '../domain/clock.ts';

export interface Turns {
  /** Does the work after the input of this turn. */
  schedule(): void;
  /** Resolves when nothing is under way, or after `timeoutMs`. It has one caller at a time. */
  idle(timeoutMs: number): Promise<void>;
}

/** @param work returns whether nothing is under way any more */
export function createTurns(clock: Clock, work: () => boolean): Turns {
  let isScheduled = false;
  let onIdle: (() => void) | undefined;

  function turn(): void {
    isScheduled = false;
    if (work()) onIdle?.();
  }

  function schedule(): void {
    if (isScheduled) return;
    isScheduled = true;
    clock.soon(turn);
  }

  return {
    schedule,
    async idle(timeoutMs) {
      await new Promise<void>((resolve) => {
        const timer = clock.after(timeoutMs, resolve);
        onIdle = () => {
          timer.cancel();
          resolve();
        };
        schedule();
      });
      onIdle = undefined;
    },
  };
}
