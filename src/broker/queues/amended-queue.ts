// A queue whose jobs can be requeued and cancelled. Requeued jobs go out first, and cancelled jobs do not go out. The queue
// inside only appends at its tail and moves its head.
import type { Cancelled } from './cancelled.ts';
import type { BrokerClock } from '../clock.ts';
import { parseLine, type FaktoryJob } from './job.ts';
import type { Queue } from './queue.ts';
import type { Reservation } from './reservation-index.ts';

export interface TakenJob {
  job: FaktoryJob;
  enqueuedMs: number;
}

export interface AmendedQueue extends Omit<Queue, 'take'> {
  /** Undefined while the queue is empty, or while its next jobs are read; after that read `onReady` is called. */
  take(): TakenJob | undefined;
  /** Puts jobs back at the head: they go out again in the order in which they were handed out at first. */
  putBack(reservations: readonly Reservation[]): void;
  /** Cancels the job at this place. False: it was handed out or cancelled before. */
  cancel(place: number): boolean;
  /** Cancels requeued jobs; returns their jids. */
  cancelReturned(matches: (text: string) => boolean): string[];
  /** Removes the queue, and the records of its requeued and cancelled jobs. */
  remove(): void;
}

interface AmendedQueueOptions {
  queue: Queue;
  clock: BrokerClock;
  cancelled: Cancelled;
  /** Called with the JSON of each requeued job that is cancelled. */
  onCancelled: (text: string) => void;
  onChanged: () => void;
  /** Called when the record of a requeued job is no longer needed. */
  dropReturned: (place: number) => void;
}

export function createAmendedQueue(options: AmendedQueueOptions): AmendedQueue {
  const { queue, clock, cancelled, onChanged, dropReturned } = options;
  /** Sorted by place; the last goes out next. */
  let returned: Reservation[] = [];

  const enqueuedMsOf = ({ text }: Reservation): number => {
    const { enqueued_at } = JSON.parse(text) as { enqueued_at?: string };
    return Date.parse(enqueued_at ?? '') || clock.nowMs();
  };

  function takeReturned(): TakenJob | undefined {
    const reservation = returned.pop();
    if (!reservation) return undefined;
    dropReturned(reservation.place);
    return { job: parseLine(reservation.text)[0] as FaktoryJob, enqueuedMs: enqueuedMsOf(reservation) };
  }

  function takeUncancelled(): TakenJob | undefined {
    for (;;) {
      const taken = queue.take();
      if (!taken || !cancelled.take(queue.stream, taken.place)) return taken;
    }
  }

  const size = (): number => returned.length + queue.size() - cancelled.countOf(queue.stream);

  return {
    ...queue,
    take: () => takeReturned() ?? takeUncancelled(),
    size,
    latencyMs() {
      const next = returned.at(-1);
      if (next) return Math.max(0, clock.nowMs() - enqueuedMsOf(next));
      return size() === 0 ? 0 : queue.latencyMs();
    },
    putBack(reservations) {
      returned = [...returned, ...reservations].sort((one, other) => other.place - one.place);
      onChanged();
    },
    cancel(place) {
      const { head, tail } = queue.record();
      return place >= head && place < tail && cancelled.add(queue.stream, place);
    },
    cancelReturned(matches) {
      const ended = returned.filter(({ text }) => matches(text));
      returned = returned.filter((one) => !ended.includes(one));
      for (const { place, text } of ended) {
        dropReturned(place);
        options.onCancelled(text);
      }
      return ended.map(({ jid }) => jid);
    },
    remove() {
      for (const { place } of returned) dropReturned(place);
      cancelled.forget(queue.stream);
      queue.dispose();
    },
  };
}
