// Slices of the lines of a body, and why they end.
import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { streamLineBytesMax, streamSliceCharsMax, streamSliceLinesMax } from '../../../src/http/limits.ts';
import { createSliceReader, type SliceReader } from '../../../src/http/stream/slice-reader.ts';

const read = async (reader: SliceReader): Promise<[number, number][]> => {
  const slices: [number, number][] = [];
  for await (const { first, texts } of reader.slices()) slices.push([first, texts.length]);
  return slices;
};
const bodyOf = (...texts: string[]): Readable => Readable.from(texts.map((text) => Buffer.from(text)));

describe('slices of a body', () => {
  it('have at most 100 lines, and fewer where lines are long', async () => {
    const reader = createSliceReader(bodyOf('x\n'.repeat(2 * streamSliceLinesMax + 1)), 1);
    assert.equal(reader.state, 'reading');
    assert.deepEqual(await read(reader), [
      [1, 100],
      [101, 100],
      [201, 1],
    ]);
    assert.equal(reader.state, 'whole');
    const long = `${'x'.repeat(streamSliceCharsMax / 2)}\n`;
    assert.deepEqual(await read(createSliceReader(bodyOf(long.repeat(3)), 1)), [
      [1, 2],
      [3, 1],
    ]);
  });

  it('begin at the line that is asked for, and have the last line without its newline', async () => {
    const reader = createSliceReader(bodyOf('a\nb\nc\n', 'd'), 3);
    assert.deepEqual(await read(reader), [
      [3, 1],
      [4, 1],
    ]);
    assert.equal(reader.state, 'whole');
  });

  it('end before a line that is too long, in the body and at its end', async () => {
    const long = 'x'.repeat(streamLineBytesMax + 1);
    for (const text of [`a\n${long}\nb\n`, `a\n${long}`]) {
      const reader = createSliceReader(bodyOf(text), 1);
      assert.deepEqual(await read(reader), [[1, 1]]);
      assert.equal(reader.state, 'too long');
    }
  });

  it('end at a stop, and with a body that breaks off', async () => {
    const stopped = createSliceReader(bodyOf('x\n'.repeat(300)), 1);
    const slices: number[] = [];
    for await (const { first } of stopped.slices()) {
      slices.push(first);
      stopped.stop();
    }
    assert.deepEqual([slices, stopped.state], [[1], 'stopped']);
    const body = new PassThrough();
    body.write('a\nb');
    const broken = createSliceReader(body, 1);
    const reading = read(broken);
    setImmediate(() => body.destroy());
    assert.deepEqual(await reading, [[1, 1]]);
    assert.equal(broken.state, 'stopped');
  });
});
