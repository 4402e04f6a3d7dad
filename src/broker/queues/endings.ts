// Ends reservations: by ACK, by FAIL, by the end of their time, and by requeueing their jobs.
import type { BrokerClock } from '../clock.ts';
import type { AmendedQueue } from './amended-queue.ts';
import type { FailedJobs } from './failed-jobs.ts';
import { reservationExpired, type FailPayload } from './failure.ts';
import { byQueue, type Reservation } from './reservation-index.ts';
import type { State } from '../state.ts';

export interface Endings {
  /** Ends the worker's reservation of this jid, or else the latest reservation of it: the job is done. */
  ack(jid: string, wid: string | undefined): void;
  /**
   * Fails the job of a reservation that the worker `wid` has. Returns false when the worker has none of this jid: a worker that was
   * lost and comes back does not fail the job of another worker. A client without a wid fails the job of any, as in Faktory.
   */
  fail(jid: string, wid: string | undefined, failure: FailPayload): boolean;
  /** Fails jobs that were reserved for too long; returns how many. */
  expire(): number;
  /** Requeues a job whose client left before it got the job. */
  requeue(reservation: Reservation): void;
  /** Requeues a job that its worker does not run after all. False: see `fail`. */
  requeueJob(jid: string, wid: string | undefined): boolean;
  /** Requeues all jobs of a worker that has said END; returns how many. */
  requeueJobsOf(wid: string): number;
  /** Fails all jobs of lost workers, but puts them into their queues at once. Returns how many jobs there were. */
  takeBackOf(wids: ReadonlySet<string>): number;
}

interface EndingsOptions {
  state: () => State;
  clock: BrokerClock;
  failedJobs: FailedJobs;
  /** Hands jobs of a queue out to the clients that wait for it. */
  handOut: (queue: AmendedQueue) => void;
}

export function createEndings({ state, clock, failedJobs, handOut }: EndingsOptions): Endings {
  /** Puts jobs at the heads of their queues, because they have waited already. */
  function requeue(reservations: Iterable<Reservation>, textOf = ({ text }: Reservation): string => text): void {
    const returned: Reservation[] = [];
    for (const reservation of reservations) {
      const one = state().working.requeue(reservation, textOf(reservation));
      if (one) returned.push(one);
    }
    for (const [name, list] of byQueue(returned)) {
      const queue = state().queue(name);
      queue.putBack(list);
      handOut(queue);
    }
  }

  return {
    ack(jid, wid) {
      const ended = state().working.release(jid, wid);
      if (!ended) return;
      state().counters.processed++;
      state().locks.jobEnded(ended.text);
    },
    fail(jid, wid, failure) {
      const reservation = state().working.ofWorker(jid, wid);
      if (reservation === undefined) return false;
      state().working.remove(reservation);
      failedJobs.fail(reservation.text, failure);
      return true;
    },
    expire() {
      const ended = state().working.takeExpired(clock.nowMs());
      for (const { text } of ended) failedJobs.fail(text, reservationExpired);
      return ended.length;
    },
    requeue: (reservation) => requeue([reservation]),
    requeueJob(jid, wid) {
      const reservation = state().working.ofWorker(jid, wid);
      if (reservation) requeue([reservation]);
      return reservation !== undefined;
    },
    requeueJobsOf(wid) {
      const reservations = state().working.ofWorkers(new Set([wid]));
      requeue(reservations);
      return reservations.length;
    },
    takeBackOf(wids) {
      const reservations = state().working.ofWorkers(wids);
      const again = new Map<Reservation, string>();
      for (const reservation of reservations) {
        const text = failedJobs.failLost(reservation);
        if (text !== undefined) again.set(reservation, text);
      }
      requeue(again.keys(), (one) => again.get(one) ?? one.text);
      return reservations.length;
    },
  };
}
