// Tasks that run side by side and end with their owner: ticks, and looks at the clock.
import type { Clock } from '../domain/clock.ts';

export interface Works {
  readonly isClosed: boolean;
  run(work: Promise<void>): void;
  /** Resolves with false when nothing new may begin. */
  pause(ms: number): Promise<boolean>;
  /** Ends the pauses. Resolves when all work has ended. */
  close(): Promise<void>;
}

export function createWorks(clock: Clock, onError: (error: unknown) => void): Works {
  const running = new Set<Promise<void>>();
  const pauses = new Set<() => void>();
  let isClosed = false;
  return {
    get isClosed() {
      return isClosed;
    },
    run(work) {
      const ended = work.catch(onError).finally(() => running.delete(ended));
      running.add(ended);
    },
    pause(ms) {
      if (isClosed) return Promise.resolve(false);
      return new Promise((resolve) => {
        const end = (): void => {
          waiting.cancel();
          pauses.delete(end);
          resolve(!isClosed);
        };
        const waiting = clock.after(ms, end);
        pauses.add(end);
      });
    },
    async close() {
      isClosed = true;
      for (const end of [...pauses]) end();
      while (running.size > 0) await Promise.all(running);
    },
  };
}
