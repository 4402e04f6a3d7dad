// All that the broker holds, made from what recovery found. It is thrown away as a whole when a write fails, and made
// again from what is really on disk.
import { queueNameOf } from './queues/job.ts';
import { createAmendedQueue, type AmendedQueue } from './queues/amended-queue.ts';
import { createCancelled, type Cancelled } from './queues/cancelled.ts';
import type { BrokerClock } from './clock.ts';
import { createKeyRecords, type KeyRecords } from './storage/key-records.ts';
import type { Ledger } from './storage/ledger.ts';
import { createLocks, type Locks } from './storage/lock-records.ts';
import { createNamedRecords, type NamedRecords } from './storage/named-records.ts';
import { createQueue, type QueueRecord } from './queues/queue.ts';
import { metaKey, queueKey, sealJson } from './storage/records.ts';
import type { Meta, Recovery } from './storage/recovery.ts';
import type { Reservation } from './queues/reservation-index.ts';
import { createReservations, type Reservations } from './queues/reservations.ts';
import type { Store } from './storage/store.ts';
import { createJobSet, type JobSet } from './queues/job-set.ts';
import { createWindow } from './queues/window.ts';

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
  /** Puts what the group has changed. */
  finish(): void;
  /** The group that was finished last is on disk. */
  committed(): void;
  dispose(): void;
}

interface StateOptions {
  store: Store;
  ledger: Ledger;
  clock: BrokerClock;
  windowBytesMax: number;
  keysKeptMs: number;
  ownWids: readonly string[];
  onReady: (queue: AmendedQueue) => void;
  onProblem: (error: unknown) => void;
  /** Forgets a stream's keys; what is left by a crash is swept at the next open. */
  clear: (stream: number) => void;
}

export type SetName = 'scheduled' | 'retries' | 'dead';

export function createState(recovery: Recovery, options: StateOptions): State {
  const { store, ledger, clock } = options;
  const { meta } = recovery;
  let { sequence, streams } = meta;
  const nextSequence = (): number => ++sequence;
  const nextStream = (): number => ++streams;
  const window = createWindow(options.windowBytesMax);
  const queues = new Map<string, AmendedQueue>();
  const cancelled = createCancelled({ stream: meta.cancelled.stream, ledger });
  const forget = (stream: number): void => void garbage.push(stream);
  const keyRecord = { generations: meta.keys ?? [], keptMs: options.keysKeptMs };
  const keys = createKeyRecords({ ...keyRecord, store, ledger, clock, nextStream, forget });
  const locks = createLocks({ stream: meta.locks, store, ledger, clock, nextStream, forget });
  const ticks = createNamedRecords({ stream: meta.ticks, store, ledger, nextStream });
  const returned: Reservation[] = [];
  const counters = { processed: meta.processed, failures: meta.failures };
  let changed = new Set<AmendedQueue>();
  let written = new Set<AmendedQueue>();
  let garbage: number[] = [];
  let writtenGarbage: number[] = [];

  function addQueue(name: string, record: QueueRecord): AmendedQueue {
    function onChanged(size: number): void {
      changed.add(queue);
      ledger.touch(size);
    }
    const queue: AmendedQueue = createAmendedQueue({
      queue: createQueue({
        name,
        record,
        store,
        ledger,
        clock,
        window,
        onChanged,
        onReady: () => options.onReady(queue),
        onProblem: options.onProblem,
      }),
      clock,
      cancelled,
      onCancelled: (text) => locks.jobEnded(text),
      onChanged: () => onChanged(0),
      dropReturned: (place) => state.working.dropReturned(place),
    });
    queues.set(name, queue);
    return queue;
  }

  function removeQueue(name: string): void {
    const queue = queues.get(name);
    if (!queue) return;
    queues.delete(name);
    changed.delete(queue);
    queue.remove();
    ledger.del(queueKey(name));
    garbage.push(queue.stream);
  }

  const openSet = (record: { stream: number; count: number }): JobSet =>
    createJobSet({ record, store, ledger, nextSequence });

  const reservations = (stream: number): Reservations =>
    createReservations({
      stream,
      ledger,
      nextSequence,
      ownWids: options.ownWids,
      onReturned: (one) => returned.push(one),
    });

  function emptySet(name: SetName): JobSet {
    garbage.push(state[name].record().stream);
    state[name].dispose();
    return openSet({ stream: nextStream(), count: 0 });
  }

  const state: State = {
    working: reservations(meta.working.stream),
    scheduled: openSet(meta.scheduled),
    retries: openSet(meta.retries),
    dead: openSet(meta.dead),
    cancelled,
    keys,
    locks,
    ticks,
    queues,
    counters,
    queue: (name) =>
      queues.get(name) ?? addQueue(name, { stream: nextStream(), head: 0, chunk: 0, tail: 0, paused: false }),
    removeQueue,
    flush() {
      for (const name of [...queues.keys()]) removeQueue(name);
      garbage.push(state.working.stream);
      state.working = reservations(nextStream());
      for (const name of ['scheduled', 'retries', 'dead'] as const) state[name] = emptySet(name);
      locks.clear();
      counters.processed = counters.failures = 0;
      // With no queue to delete, only the meta record tells of it.
      ledger.touch(0);
    },
    clear(name) {
      state[name] = emptySet(name);
      ledger.touch(0);
    },
    lastSequence: () => sequence,
    queued() {
      let sum = 0;
      for (const queue of queues.values()) sum += queue.size();
      return sum;
    },
    finish() {
      for (const queue of changed) queue.finish();
      const record: Meta = {
        sequence,
        streams,
        ...counters,
        queues: queues.size,
        working: { stream: state.working.stream, count: state.working.records() },
        cancelled: cancelled.record(),
        scheduled: state.scheduled.record(),
        retries: state.retries.record(),
        dead: state.dead.record(),
        keys: keys.record(),
        locks: locks.record(),
        ticks: ticks.record(),
      };
      ledger.put(metaKey, sealJson(metaKey, record));
      [written, changed] = [changed, new Set()];
      [writtenGarbage, garbage] = [garbage, []];
    },
    committed() {
      for (const queue of written) queue.committed();
      writtenGarbage.forEach(options.clear);
    },
    dispose() {
      keys.dispose();
      for (const queue of queues.values()) queue.dispose();
      for (const name of ['scheduled', 'retries', 'dead'] as const) state[name].dispose();
    },
  };
  for (const [name, record] of recovery.queues) addQueue(name, record).committed();
  for (const [key, value] of recovery.reservations) state.working.restore(key, value);
  for (const [key] of recovery.cancelled) cancelled.restore(key);
  for (const one of returned) state.queue(queueNameOf(one.text)).putBack([one]);
  return state;
}
