// The broker's state in memory. Recovery makes it from the store. When a write fails, the whole state is thrown away and made
// again from the disk.
import type { BrokerClock } from './clock.ts';
import type { AmendedQueue } from './queues/amended-queue.ts';
import { createCancelled, type Cancelled } from './queues/cancelled.ts';
import { createJobSet, type JobSet, type JobSetRecord } from './queues/job-set.ts';
import { createQueues } from './queues/queues.ts';
import { byQueue, type Reservation } from './queues/reservation-index.ts';
import { createReservations, type Reservations } from './queues/reservations.ts';
import { createKeyRecords, type KeyRecords, type KeyRecordsOptions } from './storage/key-records.ts';
import type { Ledger } from './storage/ledger.ts';
import { createLocks, type Locks } from './storage/lock-records.ts';
import { createNamedRecords, type NamedRecords } from './storage/named-records.ts';
import { metaKey, sealJson } from './storage/records.ts';
import type { Meta, Recovery } from './storage/recovery.ts';
import type { Store } from './storage/store.ts';
import { createStreams, type Streams } from './storage/streams.ts';

export interface State {
  working: Reservations;
  scheduled: JobSet;
  retries: JobSet;
  dead: JobSet;
  readonly cancelled: Cancelled;
  readonly keys: KeyRecords;
  readonly locks: Locks;
  readonly ticks: NamedRecords;
  readonly queues: ReadonlyMap<string, AmendedQueue>;
  readonly counters: { processed: number; failures: number };
  /** The queue of this name, made if there is none. */
  queue(name: string): AmendedQueue;
  removeQueue(name: string): void;
  flush(): void;
  /** Empties one of the sets. */
  clear(name: SetName): void;
  /** The last number given to a reservation or a timed job. */
  lastSequence(): number;
  /** Jobs in all queues. */
  queued(): number;
  /** Called before a group is written: adds the changes of all parts to it. Returns a function that is called when the group is on disk. */
  finish(): () => void;
  dispose(): void;
}

interface StateOptions {
  store: Store;
  ledger: Ledger;
  clock: BrokerClock;
  windowBytesMax: number;
  keys: Pick<KeyRecordsOptions, 'keptMs' | 'recordsMax'>;
  ownWids: readonly string[];
  onReady: (queue: AmendedQueue) => void;
  onProblem: (error: unknown) => void;
  /** Deletes the keys of a stream that is no longer used. */
  clear: (stream: number) => void;
}

const setNames = ['scheduled', 'retries', 'dead'] as const;
export type SetName = (typeof setNames)[number];

export function createState({ meta, ...found }: Recovery, options: StateOptions): State {
  const { store, ledger, clock, ownWids } = options;
  let { sequence } = meta;
  const nextSequence = (): number => ++sequence;
  const streams = createStreams(meta.streams, options.clear);
  const disk = { store, ledger, clock, streams };
  const cancelled = createCancelled({ stream: meta.cancelled.stream, ledger });
  const locks = createLocks({ ...disk, stream: meta.locks });
  const queues = createQueues({ ...options, ...disk, cancelled, locks, working: () => state.working });
  const returned: Reservation[] = [];
  const onReturned = (one: Reservation): void => void returned.push(one);

  const openSet = (record: JobSetRecord): JobSet => createJobSet({ record, store, ledger, nextSequence });
  const openReservations = (stream: number): Reservations =>
    createReservations({ stream, ledger, nextSequence, ownWids, onReturned });

  const state: State = {
    working: openReservations(meta.working.stream),
    scheduled: openSet(meta.scheduled),
    retries: openSet(meta.retries),
    dead: openSet(meta.dead),
    cancelled,
    keys: createKeyRecords({ ...disk, ...options.keys, generations: meta.keys ?? [] }),
    locks,
    ticks: createNamedRecords({ ...disk, stream: meta.ticks }),
    queues: queues.byName,
    counters: { processed: meta.processed, failures: meta.failures },
    queue: queues.open,
    removeQueue: queues.remove,
    flush() {
      for (const name of [...queues.byName.keys()]) queues.remove(name);
      streams.forget(state.working.stream);
      state.working = openReservations(streams.next());
      setNames.forEach(state.clear);
      locks.clear();
      state.counters.processed = state.counters.failures = 0;
    },
    clear(name) {
      streams.forget(state[name].record().stream);
      state[name].dispose();
      state[name] = openSet({ stream: streams.next(), count: 0 });
      // Only the meta record of the group has this change.
      ledger.touch(0);
    },
    lastSequence: () => sequence,
    queued: queues.jobs,
    finish() {
      const onQueuesStored = queues.finish();
      ledger.put(metaKey, sealJson(metaKey, metaOf(state, streams)));
      const onStreamsStored = streams.finish();
      return () => {
        onQueuesStored();
        onStreamsStored();
      };
    },
    dispose() {
      state.keys.dispose();
      queues.dispose();
      for (const name of setNames) state[name].dispose();
    },
  };
  for (const [name, record] of found.queues) queues.restore(name, record);
  for (const [key, value] of found.reservations) state.working.restore(key, value);
  for (const [key] of found.cancelled) cancelled.restore(key);
  for (const [name, reservations] of byQueue(returned)) queues.open(name).putBack(reservations);
  return state;
}

const metaOf = (state: State, streams: Streams): Meta => ({
  sequence: state.lastSequence(),
  streams: streams.last(),
  ...state.counters,
  queues: state.queues.size,
  working: { stream: state.working.stream, count: state.working.records() },
  cancelled: state.cancelled.record(),
  scheduled: state.scheduled.record(),
  retries: state.retries.record(),
  dead: state.dead.record(),
  keys: state.keys.record(),
  locks: state.locks.record(),
  ticks: state.ticks.record(),
});
