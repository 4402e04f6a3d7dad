// Ends reservations: by ACK, by FAIL, by the end of their time, and by requeueing their jobs.
import type { BrokerClock } from '../clock.ts';
import type { AmendedQueue } from './amended-queue.ts';
import type { FailedJobs } from './failed-jobs.ts';
import { reservationExpired, type FailPayload } from './failure.ts';
import { queueNameOf } from './job.ts';
import type { Reservation } from './reservation-index.ts';
import type { State } from '../state.ts';

export interface Endings {
  ack(jid: string): void;
  /** False: nothing is reserved under this jid. */
  fail(jid: string, failure: FailPayload): boolean;
  /** Fails jobs that were reserved for too long; returns how many. */
  expire(): number;
  /** Requeues a job whose client left before it got the job. */
  requeue(reservation: Reservation): void;
  /** Requeues a job that its worker does not run after all. False: nothing is reserved under this jid. */
  requeueJob(jid: string): boolean;
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
    const byQueue = new Map<string, Reservation[]>();
    for (const reservation of reservations) {
      const returned = state().working.requeue(reservation, textOf(reservation));
      if (!returned) continue;
      const name = queueNameOf(returned.text);
      const others = byQueue.get(name);
      if (others) others.push(returned);
      else byQueue.set(name, [returned]);
    }
    for (const [name, list] of byQueue) {
      const queue = state().queue(name);
      queue.putBack(list);
      handOut(queue);
    }
  }

  return {
    ack(jid) {
      const ended = state().working.release(jid);
      if (!ended) return;
      state().counters.processed++;
      state().locks.jobEnded(ended.text);
    },
    fail(jid, failure) {
      const reservation = state().working.release(jid);
      if (reservation) failedJobs.fail(reservation.text, failure);
      return reservation !== undefined;
    },
    expire() {
      const ended = state().working.takeExpired(clock.nowMs());
      for (const { text } of ended) failedJobs.fail(text, reservationExpired);
      return ended.length;
    },
    requeue: (reservation) => requeue([reservation]),
    requeueJob(jid) {
      const reservation = state().working.latest(jid);
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
