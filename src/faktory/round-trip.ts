// The round-trip time of the path, without what the broker needs for its work: the least seen lately.
import type { Clock } from '../domain/clock.ts';

export interface RoundTrip {
  /** Milliseconds; 0 before the first observation. */
  readonly ms: number;
  observe(ms: number): void;
}

/** The least of the present window and the one before: a path that became longer is believed after two of them. */
const windowMs = 10_000;

export function createRoundTrip(clock: Clock): RoundTrip {
  let leastBefore = Infinity;
  let least = Infinity;
  let windowEndMs = clock.now() + windowMs;
  return {
    get ms() {
      const ms = Math.min(least, leastBefore);
      return ms === Infinity ? 0 : ms;
    },
    observe(ms) {
      const now = clock.now();
      if (now >= windowEndMs) {
        leastBefore = least;
        least = Infinity;
        windowEndMs = now + windowMs;
      }
      if (ms < least) least = ms;
    },
  };
}
