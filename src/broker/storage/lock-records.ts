// Locks of unique jobs, by id: a digest, a character for each byte. A lock names the job that holds it and the time at which it
// expires. Locks are on disk only. The key of a lock holds its id and its job's jid, so that the end of a job deletes the job's
// lock without a read, in the group of that end.
import type { BrokerClock } from '../clock.ts';
import type { Ledger } from './ledger.ts';
import { bytesOfPlace, seal, streamStart, unseal } from './records.ts';
import type { Store } from './store.ts';
import type { Streams } from './streams.ts';

export interface Locks {
  put(id: string, jid: string, keptMs: number): void;
  /** Resolves to the job that has the lock now. A lock is found once it is stored. */
  find(id: string): Promise<string | undefined>;
  /** Frees the lock of the job with this JSON, which has ended. A job without a lock changes nothing. */
  jobEnded(text: string): void;
  /** Deletes some expired locks: jobs that were removed with their queue left their locks behind. */
  sweep(): Promise<void>;
  /** Deletes all locks. */
  clear(): void;
  /** False: there is no lock, and no job needs to be searched for a lock. */
  readonly isUsed: boolean;
  /** The stream of the locks; undefined while there is none. */
  record(): number | undefined;
}

interface LocksOptions {
  stream: number | undefined;
  store: Store;
  ledger: Ledger;
  clock: BrokerClock;
  streams: Streams;
}

/** The API writes the lock's id after it, into `custom.unique_key`: base64url. */
const mark = '"unique_key":"';
const idPattern = /^[A-Za-z0-9_-]{43}$/;
/** Limits how many locks of an id are read: the valid lock, and expired locks that were not swept yet. */
const foundMax = 1000;
const sweepMax = 1000;

/** The lock that the job may have. */
function lockOf(text: string): { id: string; jid: string } | undefined {
  if (!text.includes(mark)) return undefined;
  const { jid, custom } = JSON.parse(text) as { jid?: unknown; custom?: { unique_key?: unknown } | null };
  const key = custom?.unique_key;
  if (typeof jid !== 'string' || typeof key !== 'string' || !idPattern.test(key)) return undefined;
  return { id: Buffer.from(key, 'base64url').toString('latin1'), jid };
}

const keyOf = (stream: number, id: string, jid: string): Buffer =>
  Buffer.concat([streamStart(stream), Buffer.from(id, 'latin1'), Buffer.from(jid)]);

const behind = (key: Buffer): Buffer => Buffer.concat([key, Buffer.alloc(1)]);

export function createLocks({ store, ledger, clock, streams, ...options }: LocksOptions): Locks {
  let { stream } = options;
  /** Where the next sweep begins. */
  let from: Buffer | undefined;

  const untilOf = (key: Buffer, value: Buffer): number => unseal(key, value).readUIntBE(2, 6);

  return {
    get isUsed() {
      return stream !== undefined;
    },
    put(id, jid, keptMs) {
      stream ??= streams.next();
      const key = keyOf(stream, id, jid);
      const until = Buffer.alloc(bytesOfPlace);
      until.writeUIntBE(clock.nowMs() + keptMs, 2, 6);
      ledger.put(key, seal(key, until));
    },
    async find(id) {
      if (stream === undefined) return undefined;
      const start = keyOf(stream, id, '');
      const end = Buffer.concat([start, Buffer.from([0xff])]);
      const records = await store.page(start, end, foundMax, Infinity);
      const valid = records.find(([key, value]) => untilOf(key, value) > clock.nowMs());
      return valid?.[0].toString('utf8', start.length);
    },
    jobEnded(text) {
      const lock = stream === undefined ? undefined : lockOf(text);
      if (stream !== undefined && lock !== undefined) ledger.del(keyOf(stream, lock.id, lock.jid));
    },
    async sweep() {
      const swept = stream;
      if (swept === undefined) return;
      const records = await store.page(from ?? streamStart(swept), streamStart(swept + 1), sweepMax, Infinity);
      if (stream !== swept) return;
      for (const [key, value] of records) if (untilOf(key, value) <= clock.nowMs()) ledger.del(key);
      const last = records.at(-1);
      from = last && records.length === sweepMax ? behind(last[0]) : undefined;
    },
    clear() {
      if (stream !== undefined) streams.forget(stream);
      stream = undefined;
      from = undefined;
    },
    record: () => stream,
  };
}
