// Hands jobs to workers and takes their reports: FETCH, ACK, FAIL. The pop of a job and its reservation are changes of
// one group, so a crash leaves the job either in its queue or reserved, never in neither.
import type { BrokerClock } from '../clock.ts';
import type { EndedJobs } from './ended.ts';
import { judge, reservationExpired, retryDelayMs, workerLost, type FailPayload, type Destination } from './failure.ts';
import type { AmendedQueue, TakenJob } from './amended-queue.ts';
import { formatJob, parseLine, queueNameOf, queueOf, type FaktoryJob } from './job.ts';
import type { BrokerLimits } from '../limits.ts';
import type { Reservation } from './reservation-index.ts';
import type { Session } from '../protocol/session.ts';
import type { State } from '../state.ts';
import { bulk, error, nil } from '../protocol/replies.ts';

export interface Delivery {
  /** Replies with a job at once or as one arrives, or with nil after two seconds. */
  fetch(session: Session, names: readonly string[], quiet: boolean): void;
  /** Gives the jobs of a queue to the clients that wait for it. */
  serve(queue: AmendedQueue): void;
  ack(jid: string): void;
  /** False: nothing is reserved under this jid. */
  fail(jid: string, failure: FailPayload): boolean;
  /** Fails what has been reserved for too long. */
  expire(): number;
  /** The job of a client that left before it got the reply. */
  requeue(reservation: Reservation): void;
  /** A job that a worker does not run after all. False: nothing is reserved under this jid. */
  requeueJob(jid: string): boolean;
  /** All jobs of a worker that has said END; returns how many. */
  requeueJobsOf(wid: string): number;
  /** All jobs of workers that were lost: they have failed, but go to their queues at once. Returns how many. */
  takeBackOf(wids: ReadonlySet<string>): number;
  /** Stores a job that has its form already, and enqueues it. */
  enqueueText(text: string): void;
  /** Replies to all clients that wait. */
  dismiss(text: string): void;
}

interface DeliveryOptions {
  state: () => State;
  clock: BrokerClock;
  random: () => number;
  limits: BrokerLimits;
  ended: EndedJobs;
}

interface Waiter {
  readonly session: Session;
  readonly names: readonly string[];
  cancel: () => void;
}

/** Faktory's BRPOP (manager/fetch.go). */
const fetchWaitMs = 2000;
/** manager.DeadTTL */
export const deadForMs = 180 * 86_400_000;
const reserveSeconds = { default: 1800, min: 60, max: 86_400 };

export function createDelivery({ state, clock, random, limits, ended }: DeliveryOptions): Delivery {
  const waiters = new Set<Waiter>();
  /** Waiting clients by queue, in the order of arrival. */
  const waitersOf = new Map<string, Set<Waiter>>();

  function leave(waiter: Waiter): void {
    waiter.cancel();
    waiters.delete(waiter);
    for (const name of waiter.names) {
      const waiting = waitersOf.get(name);
      waiting?.delete(waiter);
      if (waiting?.size === 0) waitersOf.delete(name);
    }
  }

  function answer(waiter: Waiter, text: string): void {
    leave(waiter);
    waiter.session.reply(text);
    waiter.session.release();
  }

  function wait(session: Session, names: readonly string[]): void {
    const waiter: Waiter = { session, names, cancel: () => {} };
    waiter.cancel = clock.after(fetchWaitMs, () => answer(waiter, nil));
    waiters.add(waiter);
    for (const name of names) {
      let waiting = waitersOf.get(name);
      if (!waiting) waitersOf.set(name, (waiting = new Set()));
      waiting.add(waiter);
    }
    // A client that sends no more may still read: without a reply to this command, the next reply would be taken for it.
    session.hold(() => {
      leave(waiter);
      session.reply(nil);
    });
  }

  function give(session: Session, { job, enqueuedMs }: TakenJob): void {
    const text = formatJob(job, enqueuedMs, enqueuedMs);
    const nowMs = clock.nowMs();
    const { min, max } = reserveSeconds;
    const seconds = Math.min(max, Math.max(min, job.reserve_for || reserveSeconds.default));
    const reservation = state().working.add({
      jid: job.jid as string,
      wid: session.wid,
      expiryMs: nowMs + seconds * 1000,
      text,
    });
    session.replyStored(bulk(text), reservation);
  }

  const mayReserve = (): boolean =>
    state().working.count() < limits.reservedJobsMax && state().working.bytes() < limits.reservedBytesMax;

  function serve(queue: AmendedQueue): void {
    const waiting = waitersOf.get(queue.name);
    if (!waiting || queue.isPaused()) return;
    for (const waiter of waiting) {
      const taken = mayReserve() ? queue.take() : undefined;
      if (!taken) return;
      leave(waiter);
      give(waiter.session, taken);
      waiter.session.release();
    }
  }

  function enqueueText(text: string): void {
    const jobs = parseLine(text);
    const queue = state().queue(queueOf(jobs[0] as FaktoryJob));
    queue.append(Buffer.from(text), jobs);
    serve(queue);
  }

  /** To the heads of their queues, because these jobs have waited already. */
  function requeue(reservations: readonly Reservation[], textOf = ({ text }: Reservation): string => text): void {
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
      serve(queue);
    }
  }

  const delayOfRetry = (count: number): number => retryDelayMs(count, random);

  /** Must not throw: the reservation is removed already, and its job would be lost. */
  function destinationOf(
    { text }: Reservation,
    failure: FailPayload,
    delayMs = delayOfRetry,
  ): { destination: Destination; text: string } {
    try {
      const job = JSON.parse(text) as FaktoryJob;
      const destination = judge(job, failure, clock.nowMs(), delayMs);
      return { destination, text: JSON.stringify(job) };
    } catch {
      return { destination: { to: 'dead' }, text };
    }
  }

  function settle(destination: Destination, text: string, { errtype, message }: FailPayload): void {
    const { counters, retries, dead, locks } = state();
    counters.processed++;
    counters.failures++;
    if (destination.to === 'retries') retries.add(destination.dueMs, text);
    else {
      locks.jobEnded(text);
      ended.add(text, { errtype, message });
    }
    if (destination.to === 'dead') dead.add(clock.nowMs() + deadForMs, text);
  }

  function failed(reservation: Reservation, failure: FailPayload): void {
    const { destination, text } = destinationOf(reservation, failure);
    settle(destination, text, failure);
  }

  /** Their attempt is counted, so that a job which ends its worker ends among the dead; a pause would help nobody. */
  function takeBack(reservations: readonly Reservation[]): number {
    const { counters, working } = state();
    const again = new Map<Reservation, string>();
    for (const reservation of reservations) {
      const { destination, text } = destinationOf(reservation, workerLost, () => 0);
      if (destination.to === 'retries') again.set(reservation, text);
      else if (working.remove(reservation)) settle(destination, text, workerLost);
    }
    counters.processed += again.size;
    counters.failures += again.size;
    requeue([...again.keys()], (one) => again.get(one) ?? one.text);
    return reservations.length;
  }

  return {
    fetch(session, names, quiet) {
      if (session.isGone()) return session.reply(nil);
      if (quiet) return wait(session, []);
      if (!mayReserve()) return session.reply(error(`${state().working.count()} jobs are reserved, ACK or FAIL some`));
      for (const name of names) {
        const queue = state().queues.get(name);
        const taken = queue && !queue.isPaused() ? queue.take() : undefined;
        if (taken) return give(session, taken);
      }
      wait(session, names);
    },
    serve,
    ack(jid) {
      const ended = state().working.release(jid);
      if (!ended) return;
      state().counters.processed++;
      state().locks.jobEnded(ended.text);
    },
    fail(jid, failure) {
      const reservation = state().working.release(jid);
      if (reservation) failed(reservation, failure);
      return reservation !== undefined;
    },
    expire() {
      const ended = state().working.takeExpired(clock.nowMs());
      for (const reservation of ended) failed(reservation, reservationExpired);
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
    takeBackOf: (wids) => takeBack(state().working.ofWorkers(wids)),
    enqueueText,
    dismiss(text) {
      for (const waiter of [...waiters]) answer(waiter, text);
    },
  };
}
