// Clients whose FETCH waits for a job, by queue and in the order of their arrival.
import type { BrokerClock } from '../clock.ts';
import type { Session } from '../protocol/session.ts';
import { nil } from '../protocol/replies.ts';

export interface Waiter {
  readonly session: Session;
  readonly names: readonly string[];
  cancel: () => void;
}

export interface FetchWaiters {
  /** Replies with nil after two seconds, or when the client leaves. */
  wait(session: Session, names: readonly string[]): void;
  /** The clients that wait for a job of this queue. */
  of(name: string): Iterable<Waiter>;
  remove(waiter: Waiter): void;
  /** Replies `text` to every client that waits. */
  dismiss(text: string): void;
}

/** As long as Faktory's BRPOP (manager/fetch.go). */
const fetchWaitMs = 2000;
const nobody: readonly Waiter[] = [];

export function createFetchWaiters(clock: BrokerClock): FetchWaiters {
  const waiters = new Set<Waiter>();
  const byQueue = new Map<string, Set<Waiter>>();

  function remove(waiter: Waiter): void {
    waiter.cancel();
    waiters.delete(waiter);
    for (const name of waiter.names) {
      const waiting = byQueue.get(name);
      waiting?.delete(waiter);
      if (waiting?.size === 0) byQueue.delete(name);
    }
  }

  function reply(waiter: Waiter, text: string): void {
    remove(waiter);
    waiter.session.reply(text);
    waiter.session.release();
  }

  return {
    wait(session, names) {
      const waiter: Waiter = { session, names, cancel: () => {} };
      waiter.cancel = clock.after(fetchWaitMs, () => reply(waiter, nil));
      waiters.add(waiter);
      for (const name of names) {
        let waiting = byQueue.get(name);
        if (!waiting) byQueue.set(name, (waiting = new Set()));
        waiting.add(waiter);
      }
      // A client that has closed its side may still read. Without a reply to this command it would take the next reply for it.
      session.hold(() => {
        remove(waiter);
        session.reply(nil);
      });
    },
    of: (name) => byQueue.get(name) ?? nobody,
    remove,
    dismiss(text) {
      for (const waiter of [...waiters]) reply(waiter, text);
    },
  };
}
