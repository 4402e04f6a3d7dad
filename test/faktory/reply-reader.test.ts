import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createReplyReader, ProtocolError, type Reply } from '../../src/faktory/reply-reader.ts';

const bulkBytesMax = 10_000;

function read(...chunks: (string | Buffer)[]): Reply[] {
  const replies: Reply[] = [];
  const reader = createReplyReader({ bulkBytesMax, onReply: (reply) => replies.push(reply) });
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  return replies;
}

function encode(reply: Reply): string {
  if (reply.type === 'nil') return '$-1\r\n';
  if (reply.type === 'bulk') return `$${Buffer.byteLength(reply.text)}\r\n${reply.text}\r\n`;
  return `${reply.type === 'simple' ? '+' : '-'}${reply.text}\r\n`;
}

const lineText = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((text) => !/[\r\n]/.test(text));
const bulkText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.constantFrom('', '{}', '\r\n', '+OK\r\n', '$-1\r\n'),
);
const reply: fc.Arbitrary<Reply> = fc.oneof(
  fc.constant<Reply>({ type: 'nil' }),
  lineText.map((text): Reply => ({ type: 'simple', text })),
  lineText.map((text): Reply => ({ type: 'error', text })),
  bulkText.map((text): Reply => ({ type: 'bulk', text })),
);

function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

describe('the reply reader', () => {
  it('reads the same replies from every split of the bytes', () => {
    fc.assert(
      fc.property(fc.array(reply, { maxLength: 8 }), fc.array(fc.nat()), (replies, places) => {
        const bytes = Buffer.from(replies.map(encode).join(''));
        assert.deepEqual(read(...cutAt(bytes, places)), replies);
      }),
      { numRuns: 500 },
    );
  });

  it('reads the same replies byte by byte', () => {
    const replies: Reply[] = [
      { type: 'simple', text: 'OK' },
      { type: 'bulk', text: '{"ä":"🏭\r\n"}' },
      { type: 'nil' },
      { type: 'error', text: 'ERR x' },
    ];
    const bytes = Buffer.from(replies.map(encode).join(''));
    assert.deepEqual(read(...Array.from(bytes, (byte) => Buffer.from([byte]))), replies);
  });

  it('gives out a reply as soon as its last byte is there, and not before', () => {
    for (const text of ['+OK\r\n', '-ERR no\r\n', '$-1\r\n', '$3\r\nabc\r\n', '$0\r\n\r\n']) {
      assert.equal(read(text.slice(0, -1)).length, 0, JSON.stringify(text));
      assert.equal(read(text).length, 1, JSON.stringify(text));
    }
  });

  for (const bytes of [
    'HTTP/1.1 400 Bad Request\r\n',
    ':1\r\n',
    '*0\r\n',
    '*1\r\n+OK\r\n',
    '%1\r\n',
    '_\r\n',
    '\r\n',
    '\n',
    ' +OK\r\n',
    '+OK\n',
    '+\n',
    '$-2\r\n',
    '$+1\r\na\r\n',
    '$ 1\r\na\r\n',
    '$1.0\r\na\r\n',
    '$\r\n',
    '$x\r\n',
    '$0x1\r\n',
    '$1e3\r\n',
    '$3\r\nabcd\r\n',
    '$3\r\nabc\n\n',
    '$99999999999\r\n',
    Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]),
    Buffer.from([0x00]),
    Buffer.from([0xff]),
  ]) {
    it(`refuses ${JSON.stringify(bytes.toString('latin1'))}`, () => {
      assert.throws(() => read(bytes), ProtocolError);
    });
  }

  it('gives out the good replies before the bad byte', () => {
    const replies: Reply[] = [];
    const reader = createReplyReader({ bulkBytesMax, onReply: (reply) => replies.push(reply) });
    assert.throws(() => reader.push(Buffer.from('+OK\r\n$-1\r\nHELLO')), ProtocolError);
    assert.deepEqual(replies, [{ type: 'simple', text: 'OK' }, { type: 'nil' }]);
  });

  it('refuses a bulk over the limit before any of it has arrived, and takes one at the limit', () => {
    assert.throws(() => read(`$${bulkBytesMax + 1}\r\n`), ProtocolError);
    assert.equal(read(encode({ type: 'bulk', text: 'x'.repeat(bulkBytesMax) })).length, 1);
  });

  it('refuses a line that never ends once it is over 8 KiB', () => {
    assert.throws(() => read('+', 'x'.repeat(9000)), ProtocolError);
    assert.throws(() => read(`+${'x'.repeat(9000)}\r\n`), ProtocolError);
    assert.equal(read(`+${'x'.repeat(8000)}\r\n`).length, 1);
    const reader = createReplyReader({ bulkBytesMax, onReply: () => undefined });
    assert.throws(() => {
      for (let bytes = 0; bytes < 20_000; bytes += 100) reader.push(Buffer.from(bytes === 0 ? '+x' : 'x'.repeat(100)));
    }, ProtocolError);
  });

  it('survives any bytes: replies or a ProtocolError, nothing else', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.string({ unit: fc.constantFrom('+', '-', '$', ':', '*', '0', '1', '9', '\r\n', '\r', '\n', 'OK', '{}') }),
    );
    fc.assert(
      fc.property(bytes, fc.array(fc.nat()), (input, places) => {
        const run = (chunks: Buffer[]): unknown[] => {
          const replies: unknown[] = [];
          const reader = createReplyReader({ bulkBytesMax, onReply: (reply) => replies.push(reply) });
          try {
            for (const chunk of chunks) reader.push(chunk);
          } catch (error) {
            assert.ok(error instanceof ProtocolError);
            replies.push('violation');
          }
          return replies;
        };
        const whole = Buffer.from(input as string);
        assert.deepEqual(run(cutAt(whole, places)), run([whole]));
      }),
      { numRuns: 1000 },
    );
  });
});
