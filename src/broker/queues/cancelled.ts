// Jobs that were cancelled while they waited in a queue. The place of such a job is noted, in memory and on disk, and the job is
// passed over when its turn comes. So a chunk of jobs is never written twice.
import type { Ledger } from '../storage/ledger.ts';
import { bytesOfPlace, placeOf, sealJson, timedKey } from '../storage/records.ts';
import type { JobSetRecord } from './job-set.ts';

export interface Cancelled {
  /** False: the job was cancelled before. */
  add(queueStream: number, place: number): boolean;
  /** True when this job was cancelled. Its place is then forgotten, because nothing asks twice. */
  take(queueStream: number, place: number): boolean;
  countOf(queueStream: number): number;
  /** Called when the queue is gone. */
  forget(queueStream: number): void;
  /** Called for each cancelled job that recovery finds. */
  restore(key: Buffer): void;
  record(): JobSetRecord;
}

interface CancelledOptions {
  stream: number;
  ledger: Ledger;
}

export function createCancelled({ stream, ledger }: CancelledOptions): Cancelled {
  const placesOf = new Map<number, Set<number>>();
  let count = 0;

  function keep(queueStream: number, place: number): void {
    let places = placesOf.get(queueStream);
    if (!places) placesOf.set(queueStream, (places = new Set()));
    places.add(place);
    count++;
  }

  function drop(queueStream: number, place: number): void {
    count--;
    ledger.del(timedKey(stream, queueStream, place));
  }

  return {
    add(queueStream, place) {
      if (placesOf.get(queueStream)?.has(place)) return false;
      const key = timedKey(stream, queueStream, place);
      ledger.put(key, sealJson(key, {}));
      keep(queueStream, place);
      return true;
    },
    take(queueStream, place) {
      const places = placesOf.get(queueStream);
      if (!places?.delete(place)) return false;
      if (places.size === 0) placesOf.delete(queueStream);
      drop(queueStream, place);
      return true;
    },
    countOf: (queueStream) => placesOf.get(queueStream)?.size ?? 0,
    forget(queueStream) {
      for (const place of placesOf.get(queueStream) ?? []) drop(queueStream, place);
      placesOf.delete(queueStream);
    },
    restore: (key) => keep(placeOf(key), placeOf(key.subarray(bytesOfPlace))),
    record: () => ({ stream, count }),
  };
}
