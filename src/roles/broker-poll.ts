// Scrapers and pages share a reading of the broker. The broker is asked at most once a second, and
// never twice at a time.
import type { BrokerPoll, BrokerState } from '../domain/broker-state.ts';
import type { Clock } from '../domain/clock.ts';

const maxAgeMs = 1000;
/** The age of a state that is shown when the broker does not reply in time. */
const staleMsMax = 30_000;
/** How long a reader waits for a new state. */
const patienceMs = 500;

/** @param read rejects when the broker does not reply; it has a time limit of its own */
export function createBrokerPoll(clock: Clock, read: () => Promise<BrokerState>): BrokerPoll {
  let latest: { state: BrokerState | undefined; atMs: number } | undefined;
  let asked: Promise<BrokerState | undefined> | undefined;

  async function ask(): Promise<BrokerState | undefined> {
    const state = await read().catch(() => undefined);
    latest = { state, atMs: clock.now() };
    asked = undefined;
    return state;
  }

  return {
    async look() {
      if (latest && clock.now() - latest.atMs < maxAgeMs) return latest.state;
      asked ??= ask();
      let give: (state: BrokerState | undefined) => void;
      const late = new Promise<BrokerState | undefined>((resolve) => (give = resolve));
      const timer = clock.after(patienceMs, () =>
        give(latest && clock.now() - latest.atMs < staleMsMax ? latest.state : undefined),
      );
      return Promise.race([asked, late]).finally(() => timer.cancel());
    },
  };
}
