// A chunk is a record of the store: jobs of a queue that came in the same group. Its text has the lines that clients sent, each a
// job or an array of jobs, with \n between the lines (JSON without line breaks holds no \n). A line is stored as it was received,
// so nothing is encoded again. A chunk of a hundred jobs is written in a third of the time of a hundred records.
import { parseLine, type FaktoryJob } from './job.ts';
import { seal, unseal } from '../storage/records.ts';
import { StoreError } from '../storage/store.ts';

export interface Chunk {
  /** Place of the first job in its queue; also the record's key. */
  readonly first: number;
  readonly enqueuedMs: number;
  /** A text is a job that has not been parsed yet. */
  readonly jobs: (FaktoryJob | string)[];
  bytes: number;
}

/** A chunk is read into memory as a whole, and so is a page of chunks, which is about 4,000 small jobs. */
export const chunkJobsMax = 1000;
export const chunkBytesMax = 512 * 1024;

const headerBytes = 12;
const newline = Buffer.from('\n');

/** The place after the chunk's last job. */
export const endOf = ({ first, jobs }: Chunk): number => first + jobs.length;

export function sealChunk(key: Buffer, count: number, enqueuedMs: number, lines: readonly Buffer[]): Buffer {
  const header = Buffer.allocUnsafe(headerBytes);
  header.writeUInt32BE(count);
  header.writeDoubleBE(enqueuedMs, 4);
  return seal(key, header, ...lines.flatMap((line, index) => (index === 0 ? [line] : [newline, line])));
}

/** How many jobs a chunk holds, by its checked header. */
export const countChunk = (key: Buffer, value: Buffer): number => unseal(key, value).readUInt32BE();

/** When the chunk was enqueued, by its checked header: its jobs stay unparsed. */
export const enqueuedMsOf = (key: Buffer, value: Buffer): number => unseal(key, value).readDoubleBE(headerBytes - 8);

export function openChunk(first: number, key: Buffer, value: Buffer): Omit<Chunk, 'jobs'> & { jobs: FaktoryJob[] } {
  const body = unseal(key, value);
  const text = body.toString('utf8', headerBytes);
  const jobs = text.split('\n').flatMap(parseLine);
  if (jobs.length !== body.readUInt32BE()) {
    throw new StoreError('damaged', `the chunk ${key.toString('hex')} holds ${jobs.length} jobs`);
  }
  return { first, enqueuedMs: body.readDoubleBE(4), jobs, bytes: body.length - headerBytes };
}
