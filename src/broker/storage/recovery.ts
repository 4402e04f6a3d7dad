// Opens what a store holds and checks that all of it is there: places without gaps, counts as recorded, checksums.
// LevelDB leaves out records that it cannot read; here that is an error and never a smaller queue.
import { countChunk } from '../queues/chunk.ts';
import type { KeyGeneration } from './key-records.ts';
import type { QueueRecord } from '../queues/queue.ts';
import { firstStream, metaKey, placeOf, queuesStream, streamKey, streamStart, unseal, unsealJson } from './records.ts';
import { StoreError, type Store, type StoreRecord } from './store.ts';
import type { JobSetRecord } from '../queues/job-set.ts';

export interface Meta {
  /** The last number given to a reservation or a timed job. */
  sequence: number;
  /** The last number given to a stream. */
  streams: number;
  processed: number;
  failures: number;
  /** How many queues there are. */
  queues: number;
  working: JobSetRecord;
  scheduled: JobSetRecord;
  retries: JobSetRecord;
  dead: JobSetRecord;
  cancelled: JobSetRecord;
  /** Absent in data that are older than idempotency keys. */
  keys?: KeyGeneration[] | undefined;
  /** The stream of the locks of unique jobs. */
  locks?: number | undefined;
  /** The stream of the last ticks of schedules. */
  ticks?: number | undefined;
}

/** Counts of the jobs that were found at open. */
export interface Recovered {
  queues: number;
  queued: number;
  working: number;
  scheduled: number;
  retries: number;
  dead: number;
  ms: number;
}

export interface Recovery {
  meta: Meta;
  queues: Map<string, QueueRecord>;
  reservations: StoreRecord[];
  cancelled: StoreRecord[];
}

const lastKey = Buffer.alloc(5, 0xff);
const pageRecordsMax = 4000;
const pageBytesMax = 1024 * 1024;

const freshMeta = (): Meta => ({
  sequence: 0,
  streams: firstStream + 4,
  processed: 0,
  failures: 0,
  queues: 0,
  working: { stream: firstStream, count: 0 },
  scheduled: { stream: firstStream + 1, count: 0 },
  retries: { stream: firstStream + 2, count: 0 },
  dead: { stream: firstStream + 3, count: 0 },
  cancelled: { stream: firstStream + 4, count: 0 },
});

const damaged = (what: string): StoreError => new StoreError('damaged', `the broker's data are damaged: ${what}`);

async function readMeta(store: Store): Promise<Meta> {
  const [first] = await store.page(metaKey, lastKey, 1, 1);
  if (!first) return freshMeta();
  const [key, value] = first;
  if (!key.equals(metaKey)) throw damaged('the record that describes them is missing');
  const meta = unsealJson<Meta>(key, value);
  // Absent in data that are older than cancelling.
  (meta as Partial<Meta>).cancelled ??= { stream: ++meta.streams, count: 0 };
  return meta;
}

async function scan(store: Store, from: Buffer, to: Buffer, each: (key: Buffer, value: Buffer) => void): Promise<void> {
  for (let start = from; ;) {
    const records = await store.page(start, to, pageRecordsMax, pageBytesMax);
    for (const [key, value] of records) each(key, value);
    const last = records.at(-1);
    if (!last) return;
    start = Buffer.concat([last[0], Buffer.alloc(1)]);
  }
}

const scanStream = (store: Store, stream: number, each: (key: Buffer, value: Buffer) => void): Promise<void> =>
  scan(store, streamStart(stream), streamStart(stream + 1), each);

async function checkQueue(store: Store, name: string, record: QueueRecord): Promise<void> {
  const { stream, head, chunk, tail } = record;
  let place = chunk;
  await scan(store, streamKey(stream, chunk), streamStart(stream + 1), (key, value) => {
    if (placeOf(key) !== place) throw damaged(`queue ${name} lacks the jobs from place ${place}`);
    place += countChunk(key, value);
  });
  if (place !== tail || head < chunk || head > tail) {
    throw damaged(`queue ${name} ends at place ${place}, its record says ${tail}`);
  }
}

async function checkSet(store: Store, name: string, { stream, count }: JobSetRecord): Promise<StoreRecord[]> {
  const kept: StoreRecord[] = [];
  let found = 0;
  await scanStream(store, stream, (key, value) => {
    unseal(key, value);
    found++;
    if (name === 'working' || name === 'cancelled') kept.push([key, value]);
  });
  if (found !== count) throw damaged(`${name} holds ${found} jobs, its record says ${count}`);
  return kept;
}

/** Deletes the keys of streams that are not in use: a crash may have left jobs of a removed queue. */
async function sweep(store: Store, streams: readonly number[]): Promise<void> {
  const sorted = [...streams].sort((one, other) => one - other);
  let free = queuesStream + 1;
  for (const stream of sorted) {
    if (stream > free) await store.clear(streamStart(free), streamStart(stream));
    free = stream + 1;
  }
  await store.clear(streamStart(free), lastKey);
}

/** Rejects with `damaged` when something that was acknowledged may be missing. */
export async function recover(store: Store): Promise<Recovery> {
  const meta = await readMeta(store);
  const queues = new Map<string, QueueRecord>();
  await scanStream(store, queuesStream, (key, value) => {
    queues.set(key.toString('utf8', 4), unsealJson<QueueRecord>(key, value));
  });
  if (queues.size !== meta.queues) throw damaged(`there are ${queues.size} queues, their record says ${meta.queues}`);
  for (const [name, record] of queues) await checkQueue(store, name, record);
  const reservations = await checkSet(store, 'working', meta.working);
  const cancelled = await checkSet(store, 'cancelled', meta.cancelled);
  for (const name of ['scheduled', 'retries', 'dead'] as const) await checkSet(store, name, meta[name]);
  const sets = [meta.working, meta.scheduled, meta.retries, meta.dead, meta.cancelled];
  await sweep(store, [
    ...[...sets, ...queues.values(), ...(meta.keys ?? [])].map((one) => one.stream),
    ...[meta.locks ?? [], meta.ticks ?? []].flat(),
  ]);
  return { meta, queues, reservations, cancelled };
}
