// A group as the log holds it: one checksummed record. `epoch` and `sequence` tell it from the records that an
// earlier use of the file has left there.
import { crc32 } from 'node:zlib';
import type { StoreOperation } from './store.ts';

export interface GroupPlace {
  /** The number of the log's present use: each open of the store begins another. */
  readonly epoch: number;
  /** Counts the groups of an epoch, from 1. */
  readonly sequence: number;
  /** The group before was still being written when this group was encoded; every group before that was stored. */
  readonly overlaps: boolean;
}

export interface GroupRecord extends GroupPlace {
  readonly operations: StoreOperation[];
  /** The place of the first byte after the record. */
  readonly end: number;
}

/** The header: magic, CRC-32 of all that follows it, length of the body (its highest bit is `overlaps`), epoch, sequence. */
const headerBytes = 4 + 4 + 4 + 6 + 6;
const overlapsBit = 2 ** 31;
const magic = Buffer.from('WFG1');
/** In front of a `put`: 1, length of the key, length of the value. In front of a `del`: 0, length of the key. */
const putBytes = 1 + 2 + 4;
const delBytes = 1 + 2;

const bytesOf = (operation: StoreOperation): number =>
  operation.key.length + (operation.type === 'put' ? putBytes + operation.value.length : delBytes);

/** The size of the record of these operations, in bytes. */
export function bytesOfGroup(operations: readonly StoreOperation[]): number {
  let bytes = headerBytes;
  for (const operation of operations) bytes += bytesOf(operation);
  return bytes;
}

export function encodeGroup({ epoch, sequence, overlaps }: GroupPlace, operations: readonly StoreOperation[]): Buffer {
  const size = bytesOfGroup(operations);
  const bytes = Buffer.allocUnsafe(size);
  magic.copy(bytes);
  bytes.writeUInt32BE(size - headerBytes + (overlaps ? overlapsBit : 0), 8);
  bytes.writeUIntBE(epoch, 12, 6);
  bytes.writeUIntBE(sequence, 18, 6);
  let offset = headerBytes;
  for (const operation of operations) {
    const { key } = operation;
    offset = bytes.writeUInt8(operation.type === 'put' ? 1 : 0, offset);
    offset = bytes.writeUInt16BE(key.length, offset);
    if (operation.type === 'put') offset = bytes.writeUInt32BE(operation.value.length, offset);
    offset += key.copy(bytes, offset);
    if (operation.type === 'put') offset += operation.value.copy(bytes, offset);
  }
  bytes.writeUInt32BE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

function readOperations(body: Buffer): StoreOperation[] {
  const operations: StoreOperation[] = [];
  for (let offset = 0; offset < body.length;) {
    const isPut = body.readUInt8(offset) === 1;
    const keyStart = offset + (isPut ? putBytes : delBytes);
    const valueStart = keyStart + body.readUInt16BE(offset + 1);
    const key = body.subarray(keyStart, valueStart);
    const end = isPut ? valueStart + body.readUInt32BE(offset + 3) : valueStart;
    operations.push(isPut ? { type: 'put', key, value: body.subarray(valueStart, end) } : { type: 'del', key });
    offset = end;
  }
  return operations;
}

/** The whole record that begins here, or undefined. Its keys and values are parts of `bytes`. */
export function readGroup(
  bytes: Buffer,
  start: number,
  isWanted: (place: GroupPlace) => boolean,
): GroupRecord | undefined {
  const bodyStart = start + headerBytes;
  if (bodyStart > bytes.length || bytes.compare(magic, 0, 4, start, start + 4) !== 0) return undefined;
  const length = bytes.readUInt32BE(start + 8);
  const overlaps = length >= overlapsBit;
  const end = bodyStart + (overlaps ? length - overlapsBit : length);
  const place = { epoch: bytes.readUIntBE(start + 12, 6), sequence: bytes.readUIntBE(start + 18, 6), overlaps };
  if (end > bytes.length || !isWanted(place)) return undefined;
  if (bytes.readUInt32BE(start + 4) !== crc32(bytes.subarray(start + 8, end))) return undefined;
  return { ...place, operations: readOperations(bytes.subarray(bodyStart, end)), end };
}

/** Whether a whole record that is wanted begins anywhere from `start` on. */
export function hasGroup(bytes: Buffer, start: number, isWanted: (place: GroupPlace) => boolean): boolean {
  for (let at = bytes.indexOf(magic, start); at !== -1; at = bytes.indexOf(magic, at + 1)) {
    if (readGroup(bytes, at, isWanted)) return true;
  }
  return false;
}
