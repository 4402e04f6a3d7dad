// Counts jobs that have failed, and puts them among the retries or the dead.
import type { BrokerClock } from '../clock.ts';
import type { EndedJobs } from './ended.ts';
import { judge, retryDelayMs, workerLost, type FailPayload, type Destination } from './failure.ts';
import type { FaktoryJob } from './job.ts';
import type { Reservation } from './reservation-index.ts';
import type { State } from '../state.ts';

export interface FailedJobs {
  /** @param text the JSON of a job whose reservation is removed */
  fail(text: string, failure: FailPayload): void;
  /**
   * Counts an attempt of a reserved job whose worker was lost, so that a job which ends its worker ends among the dead.
   * @returns the job's JSON when it may run again. It stays reserved, and runs without a pause, because a pause would help
   *   nobody.
   */
  failLost(reservation: Reservation): string | undefined;
}

interface FailedJobsOptions {
  state: () => State;
  clock: BrokerClock;
  random: () => number;
  ended: EndedJobs;
}

/** Faktory's manager.DeadTTL. */
export const deadForMs = 180 * 86_400_000;

export function createFailedJobs({ state, clock, random, ended }: FailedJobsOptions): FailedJobs {
  const delayOfRetry = (count: number): number => retryDelayMs(count, random);

  /** Must not throw. Where the reservation is removed already, an error would lose the job. */
  function destinationOf(given: string, failure: FailPayload, delayMs: (count: number) => number) {
    try {
      const job = JSON.parse(given) as FaktoryJob;
      const destination = judge(job, failure, clock.nowMs(), delayMs);
      return { destination, text: JSON.stringify(job) };
    } catch {
      return { destination: { to: 'dead' } as const, text: given };
    }
  }

  function count(): void {
    const { counters } = state();
    counters.processed++;
    counters.failures++;
  }

  function settle(destination: Destination, text: string, { errtype, message }: FailPayload): void {
    const { retries, dead, locks } = state();
    count();
    if (destination.to === 'retries') retries.add(destination.dueMs, text);
    else {
      locks.jobEnded(text);
      ended.add(text, { errtype, message });
    }
    if (destination.to === 'dead') dead.add(clock.nowMs() + deadForMs, text);
  }

  return {
    fail(given, failure) {
      const { destination, text } = destinationOf(given, failure, delayOfRetry);
      settle(destination, text, failure);
    },
    failLost(reservation) {
      const { destination, text } = destinationOf(reservation.text, workerLost, () => 0);
      if (destination.to === 'retries') {
        count();
        return text;
      }
      if (state().working.remove(reservation)) settle(destination, text, workerLost);
      return undefined;
    },
  };
}
