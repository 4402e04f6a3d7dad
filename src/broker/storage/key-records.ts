// The records of idempotency keys, by id. The key store writes and reads their content; here a record is bytes.
// Records are on disk only. A generation begins after half of the time that they are kept, in a stream of its own, and is
// forgotten as a whole: nothing ever looks for the oldest record.
import type { BrokerClock } from '../clock.ts';
import { createKnownIds } from './known-ids.ts';
import type { Ledger } from './ledger.ts';
import { bytesOfPlace, seal, streamStart, unseal } from './records.ts';
import type { Store } from './store.ts';
import type { Streams } from './streams.ts';

export interface KeyGeneration {
  stream: number;
  startedMs: number;
  count: number;
}

export interface KeyRecords {
  /** Records in the store. An expired record counts until its generation is dropped. */
  count(): number;
  put(id: Buffer, body: Buffer): void;
  /** False: there is certainly no record of this id. */
  mayHave(id: Buffer): boolean;
  /** By id, in their order; undefined where there is none, or its time is over. */
  find(ids: readonly Buffer[]): Promise<(Buffer | undefined)[]>;
  /** Forgets generations whose time is over. */
  dropOld(): void;
  /** Oldest first; undefined while there are none. */
  record(): KeyGeneration[] | undefined;
  dispose(): void;
}

export interface KeyRecordsOptions {
  generations: readonly KeyGeneration[];
  store: Store;
  ledger: Ledger;
  clock: BrokerClock;
  keptMs: number;
  streams: Streams;
}

/** More would mean more places to look into for each id; fewer, more records that are over. */
const generationsPerTime = 2;

const keyOf = (stream: number, id: Buffer): Buffer => Buffer.concat([streamStart(stream), id]);

function stampOf(nowMs: number): Buffer {
  const stamp = Buffer.alloc(bytesOfPlace);
  stamp.writeUIntBE(Math.max(0, nowMs), 2, 6);
  return stamp;
}

export function createKeyRecords(options: KeyRecordsOptions): KeyRecords {
  const { store, ledger, clock, keptMs } = options;
  const partMs = keptMs / generationsPerTime;
  let generations = [...options.generations];
  const known = createKnownIds(
    store,
    clock,
    generations.map(({ stream }) => stream),
  );

  function current(): KeyGeneration {
    const newest = generations.at(-1);
    const nowMs = clock.nowMs();
    if (newest && nowMs - newest.startedMs < partMs) return newest;
    const next = { stream: options.streams.next(), startedMs: nowMs, count: 0 };
    generations.push(next);
    known.begin(next.stream);
    dropOld();
    return next;
  }

  function dropOld(): void {
    const nowMs = clock.nowMs();
    const isOver = ({ startedMs }: KeyGeneration): boolean => startedMs + partMs + keptMs <= nowMs;
    const over = generations.filter(isOver);
    if (over.length === 0) return;
    generations = generations.filter((one) => !isOver(one));
    for (const { stream } of over) {
      known.drop(stream);
      options.streams.forget(stream);
    }
    ledger.touch(0);
  }

  function read(key: Buffer, value: Buffer): Buffer | undefined {
    const body = unseal(key, value);
    return body.readUIntBE(2, 6) + keptMs > clock.nowMs() ? body.subarray(bytesOfPlace) : undefined;
  }

  return {
    count: () => generations.reduce((sum, { count }) => sum + count, 0),
    put(id, body) {
      const generation = current();
      const key = keyOf(generation.stream, id);
      ledger.put(key, seal(key, stampOf(clock.nowMs()), body));
      known.add(generation.stream, id);
      generation.count++;
    },
    mayHave: (id) => generations.some(({ stream }) => known.mayHave(stream, id)),
    async find(ids) {
      const streams = generations.map(({ stream }) => stream).reverse();
      const keys = ids.flatMap((id) => streams.map((stream) => keyOf(stream, id)));
      const values = keys.length === 0 ? [] : await store.get(keys);
      return ids.map((_, index) => {
        for (let place = index * streams.length; place < (index + 1) * streams.length; place++) {
          const value = values[place];
          // The newest record of an id is valid: an older record had expired when the newest was written.
          if (value !== undefined) return read(keys[place] as Buffer, value);
        }
        return undefined;
      });
    },
    dropOld,
    record: () => (generations.length === 0 ? undefined : generations),
    dispose: () => known.dispose(),
  };
}
