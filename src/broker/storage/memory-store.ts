// The store without a data folder: the same ordered keys, which are lost when the process ends.
import type { Store, StoreRecord } from './store.ts';

interface Stream {
  /** Sorted; may hold keys that are gone, until they are the larger part. */
  keys: string[];
  values: Map<string, Buffer>;
}

/** The place of the first key that is not before `key`. */
function indexOf(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function put(stream: Stream, key: string, value: Buffer): void {
  const last = stream.keys.at(-1);
  if (!stream.values.has(key)) {
    if (last === undefined || key > last) stream.keys.push(key);
    else {
      const index = indexOf(stream.keys, key);
      if (stream.keys[index] !== key) stream.keys.splice(index, 0, key);
    }
  }
  stream.values.set(key, value);
}

function del(stream: Stream, key: string): void {
  stream.values.delete(key);
  if (stream.keys.length > 32 && stream.keys.length > 2 * stream.values.size) {
    stream.keys = stream.keys.filter((kept) => stream.values.has(kept));
  }
}

const text = (key: Buffer): string => key.toString('latin1');

export function createMemoryStore(): Store {
  // One list for each stream (the first four bytes of a key), so that nearly every new key is the last of its list.
  const streams = new Map<string, Stream>();

  function streamOf(key: string): Stream {
    const name = key.slice(0, 4);
    let stream = streams.get(name);
    if (!stream) streams.set(name, (stream = { keys: [], values: new Map() }));
    return stream;
  }

  function range(from: string, to: string, recordsMax: number, bytesMax: number): StoreRecord[] {
    const records: StoreRecord[] = [];
    let bytes = 0;
    for (const name of [...streams.keys()].sort()) {
      if (name < from.slice(0, 4) || name > to) continue;
      const { keys, values } = streams.get(name) as Stream;
      for (let index = indexOf(keys, from); index < keys.length; index++) {
        const key = keys[index] as string;
        if (key >= to || records.length >= recordsMax || bytes >= bytesMax) break;
        const value = values.get(key);
        if (!value) continue;
        records.push([Buffer.from(key, 'latin1'), value]);
        bytes += key.length + value.length;
      }
    }
    return records;
  }

  return {
    async write(operations) {
      for (const operation of operations) {
        const key = text(operation.key);
        if (operation.type === 'put') put(streamOf(key), key, operation.value);
        else del(streamOf(key), key);
      }
    },
    get: async (keys) => keys.map(text).map((key) => streams.get(key.slice(0, 4))?.values.get(key)),
    page: async (from, to, recordsMax, bytesMax) => range(text(from), text(to), recordsMax, bytesMax),
    async *records() {
      yield range('', '\u{ff}'.repeat(5), Infinity, Infinity);
    },
    async clear(from, to) {
      for (const [key] of range(text(from), text(to), Infinity, Infinity)) {
        del(streamOf(text(key)), text(key));
      }
    },
    reopen: async () => {},
    close: async () => streams.clear(),
  };
}
