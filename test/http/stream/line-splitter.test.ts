// Lines from chunks: cut anywhere, the same lines come out, and no line costs more memory than it may have.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createLineSplitter } from '../../../src/http/stream/line-splitter.ts';

interface Numbered {
  line: number;
  text: string;
}

function split(chunks: readonly Buffer[], options: { from?: number; bytesMax?: number } = {}) {
  const splitter = createLineSplitter({ from: 1, bytesMax: 1000, ...options });
  const lines: Numbered[] = [];
  const takes = [...chunks.map((chunk) => () => splitter.take(chunk)), () => splitter.end()];
  for (const take of takes) {
    const { first, texts, isNextTooLong } = take();
    lines.push(...texts.map((text, index) => ({ line: first + index, text })));
    if (isNextTooLong) return { lines, tooLong: first + texts.length };
  }
  return { lines, tooLong: undefined };
}

/** As the whole text says it. */
function expected(text: string, from = 1): Numbered[] {
  const texts = text.split('\n');
  if (texts.at(-1) === '') texts.pop();
  return texts.map((one, index) => ({ line: index + 1, text: one })).slice(from - 1);
}

/** Cuts at places that are given as shares. */
function cutAt(bytes: Buffer, shares: readonly number[]): Buffer[] {
  const places = [0, ...shares.map((share) => Math.floor(share * bytes.length)), bytes.length].sort((a, b) => a - b);
  return places.slice(1).map((place, index) => bytes.subarray(places[index], place));
}

const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 100 });
const text = fc
  .array(fc.constantFrom('\n', 'a', 'é', '漢', '😀', '\r\n', '{"a":1}'), { maxLength: 60 })
  .map((all) => all.join(''));

describe('lines of a body', () => {
  it('are the same wherever the chunks are cut, in the middle of a character too', () => {
    fc.assert(
      fc.property(text, shares, fc.integer({ min: 1, max: 70 }), (whole, places, from) => {
        const { lines } = split(cutAt(Buffer.from(whole), places), { from });
        assert.deepEqual(lines, expected(whole, from));
      }),
    );
  });

  it('may have the limit in bytes, and no more', () => {
    fc.assert(
      fc.property(shares, fc.constantFrom('x', 'é', '漢'), fc.boolean(), (places, letter, endsWithNewline) => {
        const bytesMax = 12;
        const fits = letter.repeat(bytesMax / Buffer.byteLength(letter));
        const body = (long: string): Buffer[] => cutAt(Buffer.from(`1\n${long}${endsWithNewline ? '\n' : ''}`), places);
        assert.deepEqual(split(body(fits), { bytesMax }), { lines: expected(`1\n${fits}`), tooLong: undefined });
        assert.deepEqual(split(body(`${fits}x`), { bytesMax }), { lines: expected('1'), tooLong: 2 });
      }),
    );
  });

  it('that are left out may be longer than the limit', () => {
    const chunks = [Buffer.alloc(5000, 'x'), Buffer.from('x\n2\n')];
    assert.deepEqual(split(chunks, { from: 2 }).lines, [{ line: 2, text: '2' }]);
  });

  it('that come byte by byte are put together', () => {
    const whole = `${'x'.repeat(900)}\ny`;
    assert.deepEqual(split(Array.from(whole, (letter) => Buffer.from(letter))).lines, expected(whole));
  });
});
