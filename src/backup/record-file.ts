// A file with the records of a store. The file begins with a mark, and blocks follow. A block is the length of its body, the
// CRC-32 of its body, and the body. A body is records: length of the key, length of the value, key, value. Numbers are
// big-endian, of 4 bytes. The CRC of a block is seeded with the CRC of the block before, so that a missing or moved block is found.
import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import type { CopiedRecord } from '../domain/backup.ts';

/** A reader compares the file with these fields. */
export interface RecordFile {
  readonly bytes: number;
  readonly records: number;
  /** CRC-32 of the last block. */
  readonly crc32: number;
}

const mark = Buffer.from('Work Factory copy');
const headBytes = 8;
/** After this many bytes the file is synced, and a pause of the same length follows, so the disk is free half of the time. */
const stepBytes = 1024 * 1024;
/** Far above the size of any block. A damaged length must not allocate gigabytes. */
const blockBytesMax = 256 * 1024 * 1024;

function encode(records: readonly CopiedRecord[]): Buffer {
  const parts: Buffer[] = [Buffer.alloc(headBytes)];
  for (const [key, value] of records) {
    const lengths = Buffer.allocUnsafe(headBytes);
    lengths.writeUInt32BE(key.length, 0);
    lengths.writeUInt32BE(value.length, 4);
    parts.push(lengths, key, value);
  }
  return Buffer.concat(parts);
}

/** Resolves when the file is on disk; its folder is not synced. */
export async function writeRecordFile(
  path: string,
  pages: AsyncIterable<readonly CopiedRecord[]>,
): Promise<RecordFile> {
  const file = await open(path, 'wx', 0o600);
  try {
    let [bytes, records, last, unsynced] = [mark.length, 0, 0, 0];
    let startMs = performance.now();
    await writeAll(file, mark);
    for await (const page of pages) {
      const block = encode(page);
      last = crc32(block.subarray(headBytes), last);
      block.writeUInt32BE(block.length - headBytes, 0);
      block.writeUInt32BE(last, 4);
      await writeAll(file, block);
      bytes += block.length;
      records += page.length;
      unsynced += block.length;
      if (unsynced < stepBytes) continue;
      await file.datasync();
      await sleep(performance.now() - startMs);
      unsynced = 0;
      startMs = performance.now();
    }
    await file.sync();
    return { bytes, records, crc32: last };
  } finally {
    await file.close();
  }
}

/** On a full disk a write may be partial, and the next write fails. */
async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length;) done += (await file.write(bytes, done)).bytesWritten;
}

function* decode(body: Buffer): Generator<CopiedRecord> {
  for (let offset = 0; offset < body.length;) {
    const keyStart = offset + headBytes;
    const valueStart = keyStart + body.readUInt32BE(offset);
    offset = valueStart + body.readUInt32BE(offset + 4);
    yield [body.subarray(keyStart, valueStart), body.subarray(valueStart, offset)];
  }
}

/** Yields the records of each block. Throws an Error at the first damaged block; its message names the damage. */
export async function* readRecordFile(path: string, expected: RecordFile): AsyncGenerator<CopiedRecord[]> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size !== expected.bytes) throw new Error(`${path} has ${size} bytes, and not ${expected.bytes}`);
    if (!(await read(file, 0, mark.length)).equals(mark)) throw new Error(`${path} does not begin as such a file`);
    let [records, last] = [0, 0];
    for (let offset = mark.length; offset < size;) {
      const head = await read(file, offset, headBytes);
      const length = head.readUInt32BE(0);
      const end = offset + headBytes + length;
      const body = end <= size && length <= blockBytesMax && (await read(file, offset + headBytes, length));
      if (!body || crc32(body, last) !== head.readUInt32BE(4)) throw new Error(`${path} is damaged at byte ${offset}`);
      last = head.readUInt32BE(4);
      const block = [...decode(body)];
      records += block.length;
      offset = end;
      yield block;
    }
    if (records !== expected.records || last !== expected.crc32)
      throw new Error(`${path} holds ${records} records, and not the ${expected.records} that were copied`);
  } finally {
    await file.close();
  }
}

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  for (let got = -1; done < length && got !== 0; done += got)
    ({ bytesRead: got } = await file.read(bytes, done, length - done, position + done));
  return bytes.subarray(0, done);
}
