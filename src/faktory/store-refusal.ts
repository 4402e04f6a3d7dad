// A broker that replies to everything, and stores nothing: its Redis has no memory or disk left. A PUSHB shows it, and an
// INFO, which /ready sends when it is asked.
import type { Clock } from '../domain/clock.ts';
import type { Outcome } from '../domain/producer.ts';
import { storeRefusalOf } from './classify.ts';

export interface StoreRefusal {
  /** To be called with the outcomes of each frame. */
  see(outcomes: readonly Outcome[]): void;
  /** Why the last jobs that were pushed were not stored; undefined when they were, or when that was long ago. */
  readonly reason: Error | undefined;
}

/** A process that gets no jobs any more does not learn that the broker stores again. */
const reasonMsMax = 120_000;

export function createStoreRefusal(clock: Pick<Clock, 'now'>): StoreRefusal {
  let latest: { reason: Error; atMs: number } | undefined;
  return {
    see(outcomes) {
      if (outcomes.some(({ kind }) => kind === 'enqueued')) latest = undefined;
      const text = storeRefusalOf(outcomes);
      if (text !== undefined) latest = { reason: new Error(text), atMs: clock.now() };
    },
    get reason() {
      return latest && clock.now() - latest.atMs < reasonMsMax ? latest.reason : undefined;
    },
  };
}
