// Keys and values of the store. A key is a stream (4 bytes) and a place in it. The number of a stream is used once only, so that
// a stream is emptied by forgetting its number and deleting its keys later. Every value starts with a CRC-32 of its key and body,
// because LevelDB does not check its tables by default.
import { crc32 } from 'node:zlib';
import { StoreError } from './store.ts';

/** Stream of the records that describe the queues; its keys go on with the queue's name. */
export const queuesStream = 1;
/** The first number that is given to a stream of jobs. */
export const firstStream = 16;

/** Every key begins with its stream. */
export const bytesOfStream = 4;
export const bytesOfPlace = 8;
export const bytesOfChecksum = 4;

/** The record says which program may read the folder, and which groups of the log LevelDB holds: durable-store.ts. */
export const formatKey = streamKey(0, 0);
/** The record that describes all others. It is written with every group. */
export const metaKey = streamKey(0, 1);

function writePlace(key: Buffer, place: number, offset: number): void {
  key.writeUInt32BE(Math.floor(place / 2 ** 32), offset);
  key.writeUInt32BE(place % 2 ** 32, offset + 4);
}

/** @param place a whole number below 2^53 */
export function streamKey(stream: number, place: number): Buffer {
  const key = Buffer.allocUnsafe(4 + bytesOfPlace);
  key.writeUInt32BE(stream);
  writePlace(key, place, 4);
  return key;
}

/** Sorted by `dueMs`; `sequence` tells apart jobs that are due in the same millisecond. */
export function timedKey(stream: number, dueMs: number, sequence: number): Buffer {
  const key = Buffer.allocUnsafe(4 + 2 * bytesOfPlace);
  key.writeUInt32BE(stream);
  writePlace(key, dueMs, 4);
  writePlace(key, sequence, 4 + bytesOfPlace);
  return key;
}

export function queueKey(name: string): Buffer {
  return Buffer.concat([streamStart(queuesStream), Buffer.from(name)]);
}

/** The first possible key of a stream. */
export function streamStart(stream: number): Buffer {
  const key = Buffer.allocUnsafe(bytesOfStream);
  key.writeUInt32BE(stream);
  return key;
}

export const placeOf = (key: Buffer): number => key.readUInt32BE(4) * 2 ** 32 + key.readUInt32BE(8);

/** The body with its checksum in front. */
export const seal = (key: Buffer, ...body: readonly Buffer[]): Buffer =>
  sealInPlace(key, Buffer.concat([Buffer.allocUnsafe(bytesOfChecksum), ...body]));

/** Writes the checksum into the value's first bytes. */
export function sealInPlace(key: Buffer, value: Buffer): Buffer {
  value.writeUInt32BE(crc32(value.subarray(bytesOfChecksum), crc32(key)));
  return value;
}

/** @returns the body; throws `damaged` when it is not what was sealed */
export function unseal(key: Buffer, value: Buffer): Buffer {
  const body = value.subarray(bytesOfChecksum);
  if (value.length < bytesOfChecksum || value.readUInt32BE() !== crc32(body, crc32(key))) {
    throw new StoreError('damaged', `the record ${key.toString('hex')} fails its checksum`);
  }
  return body;
}

export const sealJson = (key: Buffer, body: unknown): Buffer => seal(key, Buffer.from(JSON.stringify(body)));

/** The caller knows the type: this program has written the body. */
export const unsealJson = <T>(key: Buffer, value: Buffer): T => JSON.parse(unseal(key, value).toString()) as T;
