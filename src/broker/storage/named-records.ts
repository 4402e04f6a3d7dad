// Records by name that are kept until they are replaced, for other parts of the process: the last tick of each schedule. The
// writer knows their content; here a record is bytes.
import type { Ledger } from './ledger.ts';
import { seal, streamStart, unseal } from './records.ts';
import type { Store } from './store.ts';
import type { Streams } from './streams.ts';

export interface NamedRecords {
  /** A record is found once it is stored. */
  put(name: string, body: Buffer): void;
  /** Resolves to the records of the names, in their order; undefined where there is none. */
  find(names: readonly string[]): Promise<(Buffer | undefined)[]>;
  /** The stream of these records; undefined while there is none. */
  record(): number | undefined;
}

export interface NamedRecordsOptions {
  stream: number | undefined;
  store: Store;
  ledger: Ledger;
  streams: Streams;
}

const keyOf = (stream: number, name: string): Buffer => Buffer.concat([streamStart(stream), Buffer.from(name)]);

export function createNamedRecords({ store, ledger, streams, ...options }: NamedRecordsOptions): NamedRecords {
  let { stream } = options;
  return {
    put(name, body) {
      stream ??= streams.next();
      const key = keyOf(stream, name);
      ledger.put(key, seal(key, body));
    },
    async find(names) {
      if (stream === undefined) return names.map(() => undefined);
      const found = stream;
      const keys = names.map((name) => keyOf(found, name));
      const values = await store.get(keys);
      return values.map((value, index) => value && unseal(keys[index] as Buffer, value));
    },
    record: () => stream,
  };
}
