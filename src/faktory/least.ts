// The minimum of a time window: the round trip without queueing.
import type { Clock } from '../domain/clock.ts';

export interface Least {
  /** 0 before the first observation. */
  readonly value: number;
  observe(value: number): void;
}

/** The minimum covers this window and the window before. A value that has grown counts after two windows. */
const windowMs = 10_000;

export function createLeast(clock: Clock): Least {
  let leastBefore = Infinity;
  let least = Infinity;
  let windowEndMs = clock.now() + windowMs;
  return {
    get value() {
      const value = Math.min(least, leastBefore);
      return value === Infinity ? 0 : value;
    },
    observe(value) {
      const now = clock.now();
      if (now >= windowEndMs) {
        leastBefore = least;
        least = Infinity;
        windowEndMs = now + windowMs;
      }
      if (value < least) least = value;
    },
  };
}
