// FETCH: hands jobs out to workers. A job leaves its queue and is reserved in the same group, so no crash loses the job.
import type { BrokerClock } from '../clock.ts';
import type { AmendedQueue, TakenJob } from './amended-queue.ts';
import { createFetchWaiters } from './fetch-waiters.ts';
import { formatJob, parseLine, queueOf, type FaktoryJob } from './job.ts';
import type { BrokerLimits } from '../limits.ts';
import type { Session } from '../protocol/session.ts';
import type { State } from '../state.ts';
import { bulk, error, nil } from '../protocol/replies.ts';

export interface HandOut {
  /**
   * Replies with a job at once or as one arrives, or with nil after two seconds.
   *
   * @param quiet the worker is to take no new job: it gets nil after two seconds
   */
  fetch(session: Session, names: readonly string[], quiet: boolean): void;
  /** Hands jobs of a queue out to the clients that wait for it. */
  toWaiters(queue: AmendedQueue): void;
  /** Enqueues a job given as stored JSON: it came due, or an operator requeued it. */
  enqueueText(text: string): void;
  /** Replies `text` to every client that waits. */
  dismiss(text: string): void;
}

interface HandOutOptions {
  state: () => State;
  clock: BrokerClock;
  limits: BrokerLimits;
}

/** As Faktory has them: `DefaultTimeout`, and the limits that `reserve` sets (both in its manager/working.go). */
const reserveSeconds = { default: 1800, min: 60, max: 86_400 };

export function createHandOut({ state, clock, limits }: HandOutOptions): HandOut {
  const waiters = createFetchWaiters(clock);

  function handOut(session: Session, { job, enqueuedMs }: TakenJob): void {
    // A job without `created_at` counts as made when it was enqueued.
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

  function toWaiters(queue: AmendedQueue): void {
    if (queue.isPaused()) return;
    for (const waiter of waiters.of(queue.name)) {
      const taken = mayReserve() ? queue.take() : undefined;
      if (!taken) return;
      waiters.remove(waiter);
      handOut(waiter.session, taken);
      waiter.session.release();
    }
  }

  return {
    fetch(session, names, quiet) {
      if (session.isGone()) return session.reply(nil);
      if (quiet) return waiters.wait(session, []);
      if (!mayReserve()) return session.reply(error(`${state().working.count()} jobs are reserved, ACK or FAIL some`));
      for (const name of names) {
        const queue = state().queues.get(name);
        const taken = queue && !queue.isPaused() ? queue.take() : undefined;
        if (taken) return handOut(session, taken);
      }
      waiters.wait(session, names);
    },
    toWaiters,
    enqueueText(text) {
      const jobs = parseLine(text);
      const queue = state().queue(queueOf(jobs[0] as FaktoryJob));
      queue.append(Buffer.from(text), jobs);
      toWaiters(queue);
    },
    dismiss: waiters.dismiss,
  };
}
