// A deadline that can be moved. It costs one timer per period, not one per command.
import type { Clock, Timer } from '../domain/clock.ts';

export interface Watchdog {
  /** Moves the deadline to `timeoutMs` from now. */
  feed(): void;
  /** Takes the deadline away until the next `feed`. */
  rest(): void;
}

/** @param onExpired gets the time of the last `feed` */
export function createWatchdog(clock: Clock, timeoutMs: number, onExpired: (fedAtMs: number) => void): Watchdog {
  let timer: Timer | undefined;
  // Undefined while there is no deadline.
  let fedAtMs: number | undefined;

  const remainingMs = (): number => (fedAtMs === undefined ? Infinity : fedAtMs + timeoutMs - clock.now());

  function check(): void {
    timer = undefined;
    if (fedAtMs === undefined) return;
    if (remainingMs() > 0) arm(remainingMs());
    // After a pause of the event loop timers run before sockets: bytes that have arrived must be read first.
    else clock.soon(() => (remainingMs() <= 0 ? onExpired(fedAtMs as number) : arm(remainingMs())));
  }

  function arm(delayMs: number): void {
    if (timer === undefined && delayMs !== Infinity) timer = clock.after(delayMs, check);
  }

  return {
    feed() {
      fedAtMs = clock.now();
      arm(timeoutMs);
    },
    rest() {
      fedAtMs = undefined;
    },
  };
}
