// A broker that replies to everything but stores nothing, because its Redis has no memory or disk left. A PUSHB shows it, and so
// does the INFO that /ready sends.
import type { Clock } from '../domain/clock.ts';
import type { Outcome } from '../domain/producer.ts';
import { storeRefusalOf } from './classify.ts';

export interface StoreRefusal {
  /** Call it with the outcomes of each frame. */
  see(outcomes: readonly Outcome[]): void;
  /** Why the last jobs were not stored. Undefined: they were stored, or that was long ago. */
  readonly reason: Error | undefined;
}

/** A process that gets no more jobs does not learn that the broker stores again. */
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
