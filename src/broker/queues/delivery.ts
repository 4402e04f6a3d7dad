// Hands jobs to workers: FETCH. The pop of a job and its reservation are changes of one group, so a crash leaves the job either in
// its queue or reserved, never in neither.
import type { BrokerClock } from '../clock.ts';
import type { AmendedQueue, TakenJob } from './amended-queue.ts';
import { createFetchWaiters } from './fetch-waiters.ts';
import { formatJob, parseLine, queueOf, type FaktoryJob } from './job.ts';
import type { BrokerLimits } from '../limits.ts';
import type { Session } from '../protocol/session.ts';
import type { State } from '../state.ts';
import { bulk, error, nil } from '../protocol/replies.ts';

export interface Delivery {
  /** Replies with a job at once or as one arrives, or with nil after two seconds. */
  fetch(session: Session, names: readonly string[], quiet: boolean): void;
  /** Gives the jobs of a queue to the clients that wait for it. */
  serve(queue: AmendedQueue): void;
  /** Stores a job that has its form already, and enqueues it. */
  enqueueText(text: string): void;
  /** Replies to all clients that wait. */
  dismiss(text: string): void;
}

interface DeliveryOptions {
  state: () => State;
  clock: BrokerClock;
  limits: BrokerLimits;
}

const reserveSeconds = { default: 1800, min: 60, max: 86_400 };

export function createDelivery({ state, clock, limits }: DeliveryOptions): Delivery {
  const waiters = createFetchWaiters(clock);

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
    if (queue.isPaused()) return;
    for (const waiter of waiters.of(queue.name)) {
      const taken = mayReserve() ? queue.take() : undefined;
      if (!taken) return;
      waiters.remove(waiter);
      give(waiter.session, taken);
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
        if (taken) return give(session, taken);
      }
      waiters.wait(session, names);
    },
    serve,
    enqueueText(text) {
      const jobs = parseLine(text);
      const queue = state().queue(queueOf(jobs[0] as FaktoryJob));
      queue.append(Buffer.from(text), jobs);
      serve(queue);
    },
    dismiss: waiters.dismiss,
  };
}
