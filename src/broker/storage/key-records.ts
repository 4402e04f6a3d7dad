// The records of idempotency keys, by id: a digest, a character for each byte. The key store writes and reads their content; here
// a record is bytes. Records are on disk only. A new generation begins after half of the time that they are kept, or when the
// last is full, in a stream of its own. It is deleted as a whole, so the oldest record is never searched for.
import type { BrokerClock } from '../clock.ts';
import { createPossibleIds } from './possible-ids.ts';
import type { Ledger } from './ledger.ts';
import { bytesOfChecksum, bytesOfPlace, bytesOfStream, sealInPlace, unseal } from './records.ts';
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
  /** @param record its first `keyRecordRoom` bytes are written here; `find` returns the rest */
  put(id: string, record: Buffer): void;
  /** False: there is certainly no record of this id. */
  mayHave(id: string): boolean;
  /** Resolves to the records of the ids, in their order; undefined where there is none, or its time is over. */
  find(ids: readonly string[]): Promise<(Buffer | undefined)[]>;
  /** Forgets generations whose time is over. */
  dropOld(): void;
  /** The generations, oldest first; undefined while there are none. */
  record(): KeyGeneration[] | undefined;
  dispose(): void;
}

export interface KeyRecordsOptions {
  generations: readonly KeyGeneration[];
  store: Store;
  ledger: Ledger;
  clock: BrokerClock;
  keptMs: number;
  /** The most records of one generation. */
  recordsMax: number;
  streams: Streams;
}

/** With more generations each id is looked for in more places. With fewer, more expired records are kept. */
const generationsPerTime = 2;

/** The checksum, and when the record was made. */
export const keyRecordRoom = bytesOfChecksum + bytesOfPlace;

function keyOf(stream: number, id: string): Buffer {
  const key = Buffer.allocUnsafe(bytesOfStream + id.length);
  key.writeUInt32BE(stream);
  key.write(id, bytesOfStream, 'latin1');
  return key;
}

function writeStamp(record: Buffer, nowMs: number): void {
  record.writeUInt16BE(0, bytesOfChecksum);
  record.writeUIntBE(Math.max(0, nowMs), bytesOfChecksum + 2, 6);
}

export function createKeyRecords(options: KeyRecordsOptions): KeyRecords {
  const { store, ledger, clock, keptMs, recordsMax } = options;
  const partMs = keptMs / generationsPerTime;
  let generations = [...options.generations];
  const possible = createPossibleIds(
    store,
    clock,
    generations.map(({ stream, count }) => ({ stream, recordsMax: Math.max(count, recordsMax) })),
  );

  function current(): KeyGeneration {
    const newest = generations.at(-1);
    const nowMs = clock.nowMs();
    if (newest && nowMs - newest.startedMs < partMs && newest.count < recordsMax) return newest;
    const next = { stream: options.streams.next(), startedMs: nowMs, count: 0 };
    generations.push(next);
    possible.begin(next.stream, recordsMax);
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
      possible.drop(stream);
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
    put(id, record) {
      const generation = current();
      const key = keyOf(generation.stream, id);
      writeStamp(record, clock.nowMs());
      ledger.put(key, sealInPlace(key, record));
      possible.add(generation.stream, id);
      generation.count++;
    },
    mayHave: possible.mayHave,
    async find(ids) {
      const asked = ids.map((id) => possible.streamsOf(id).map((stream) => keyOf(stream, id)));
      const keys = asked.flat();
      const values = await store.get(keys);
      let place = 0;
      return asked.map(({ length }) => {
        const start = place;
        place += length;
        // The newest record of an id is valid: an older record had expired when the newest was written.
        const found = values.slice(start, place).findIndex((value) => value !== undefined);
        return found === -1 ? undefined : read(keys[start + found] as Buffer, values[start + found] as Buffer);
      });
    },
    dropOld,
    record: () => (generations.length === 0 ? undefined : generations),
    dispose: () => possible.dispose(),
  };
}
