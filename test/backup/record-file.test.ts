// A file of records comes back as it was written, and whatever happened to it meanwhile is found.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { CopiedRecord } from '../../src/domain/backup.ts';
import { readRecordFile, writeRecordFile, type RecordFile } from '../../src/backup/record-file.ts';

const record = (key: string, value: string): CopiedRecord => [Buffer.from(key), Buffer.from(value)];
const pages = [[record('a', '1'), record('b', '')], [record('c', 'x'.repeat(100_000))], [record('d', '4')]];

async function* inPages(): AsyncGenerator<CopiedRecord[]> {
  yield* pages;
}

async function written(t: TestContext): Promise<{ path: string; expected: RecordFile; bytes: Buffer }> {
  const folder = await mkdtemp(join(tmpdir(), 'work-factory-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'records');
  const expected = await writeRecordFile(path, inPages());
  return { path, expected, bytes: await readFile(path) };
}

async function read(path: string, expected: RecordFile): Promise<CopiedRecord[]> {
  const records: CopiedRecord[] = [];
  for await (const page of readRecordFile(path, expected)) records.push(...page);
  return records;
}

describe('a file of records', () => {
  it('comes back as it was written', async (t) => {
    const { path, expected, bytes } = await written(t);
    assert.deepEqual(await read(path, expected), pages.flat());
    assert.deepEqual([expected.records, expected.bytes], [4, bytes.length]);
  });

  it('is not read when any byte of it has changed', async (t) => {
    const { path, expected, bytes } = await written(t);
    for (let at = 0; at < bytes.length; at += at < 100 ? 1 : 997) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 4;
      await writeFile(path, changed);
      await assert.rejects(read(path, expected), /damaged at byte|does not begin/, `byte ${at}`);
    }
  });

  it('is not read when a part of it is missing, there is more, or blocks have changed places', async (t) => {
    const { path, expected, bytes } = await written(t);
    const blockOf = (text: string): { start: number; end: number } => {
      const start = bytes.indexOf(text) - 16;
      return { start, end: start + 8 + bytes.readUInt32BE(start) };
    };
    const [long, last] = [blockOf('cx'), blockOf('d4')];
    const swapped = [bytes.subarray(0, long.start), bytes.subarray(last.start), bytes.subarray(long.start, long.end)];
    const without = Buffer.concat([bytes.subarray(0, long.start), bytes.subarray(long.end)]);
    await writeFile(path, Buffer.concat(swapped));
    await assert.rejects(read(path, expected), /damaged at byte/);
    await writeFile(path, bytes.subarray(0, last.start));
    await assert.rejects(read(path, expected), /has \d+ bytes, and not/);
    await assert.rejects(read(path, { ...expected, bytes: last.start }), /holds 3 records, and not the 4/);
    await writeFile(path, Buffer.concat([bytes, bytes]));
    await assert.rejects(read(path, expected), /has \d+ bytes, and not/);
    await writeFile(path, without);
    await assert.rejects(read(path, { ...expected, bytes: without.length }), /damaged at byte/);
  });
});
