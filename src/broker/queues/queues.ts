// The queues by name. The queues that the present group has changed are noted.
import { createAmendedQueue, type AmendedQueue } from './amended-queue.ts';
import type { Cancelled } from './cancelled.ts';
import type { BrokerClock } from '../clock.ts';
import { createQueue, type QueueRecord } from './queue.ts';
import type { Reservations } from './reservations.ts';
import type { Ledger } from '../storage/ledger.ts';
import type { Locks } from '../storage/lock-records.ts';
import { queueKey } from '../storage/records.ts';
import type { Store } from '../storage/store.ts';
import type { Streams } from '../storage/streams.ts';
import { createWindow } from './window.ts';

export interface Queues {
  readonly byName: ReadonlyMap<string, AmendedQueue>;
  /** The queue of this name, made if there is none. */
  open(name: string): AmendedQueue;
  /** Called for each queue that recovery finds. */
  restore(name: string, record: QueueRecord): void;
  remove(name: string): void;
  /** Jobs in all queues. */
  jobs(): number;
  /** Called before a group is written: adds the changes of all queues to it. Returns a function that is called when the group is on disk. */
  finish(): () => void;
  dispose(): void;
}

export interface QueuesOptions {
  store: Store;
  ledger: Ledger;
  clock: BrokerClock;
  streams: Streams;
  windowBytesMax: number;
  cancelled: Cancelled;
  locks: Locks;
  working: () => Reservations;
  onReady: (queue: AmendedQueue) => void;
  onProblem: (error: unknown) => void;
}

export function createQueues(options: QueuesOptions): Queues {
  const { store, ledger, clock, streams, cancelled, locks, onProblem } = options;
  const window = createWindow(options.windowBytesMax);
  const byName = new Map<string, AmendedQueue>();
  let changed = new Set<AmendedQueue>();

  function add(name: string, record: QueueRecord): AmendedQueue {
    function onChanged(size: number): void {
      changed.add(queue);
      ledger.touch(size);
    }
    const onReady = (): void => options.onReady(queue);
    const queue: AmendedQueue = createAmendedQueue({
      queue: createQueue({ name, record, store, ledger, clock, window, onChanged, onReady, onProblem }),
      clock,
      cancelled,
      onCancelled: (text) => locks.jobEnded(text),
      onChanged: () => onChanged(0),
      dropReturned: (place) => options.working().dropReturned(place),
    });
    byName.set(name, queue);
    return queue;
  }

  return {
    byName,
    open: (name) =>
      byName.get(name) ?? add(name, { stream: streams.next(), head: 0, chunk: 0, tail: 0, paused: false }),
    restore: (name, record) => add(name, record).committed(),
    remove(name) {
      const queue = byName.get(name);
      if (!queue) return;
      byName.delete(name);
      changed.delete(queue);
      queue.remove();
      ledger.del(queueKey(name));
      streams.forget(queue.stream);
    },
    jobs() {
      let sum = 0;
      for (const queue of byName.values()) sum += queue.size();
      return sum;
    },
    finish() {
      const written = changed;
      changed = new Set();
      for (const queue of written) queue.finish();
      return () => {
        for (const queue of written) queue.committed();
      };
    },
    dispose() {
      for (const queue of byName.values()) queue.dispose();
    },
  };
}
