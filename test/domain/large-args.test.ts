// Large arguments there and back, and what a liar can send.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { compressArgs, decodeArgs, encodedArgsMark } from '../../src/domain/large-args.ts';
import type { JobArgs } from '../../src/domain/job-args.ts';

const bytesMax = 65_536;
const custom = encodedArgsMark;

const argsOf = (value: unknown): JobArgs => {
  const json = JSON.stringify(value);
  return { value, json, jsonBytes: Buffer.byteLength(json), requestId: undefined };
};

const encode = (text: string | Buffer, bytes: unknown = Buffer.byteLength(text)): unknown[] => [
  { $encoding: 'gzip+base64', bytes, data: gzipSync(text).toString('base64') },
];

const errorOf = (args: unknown): string => {
  const decoded = decodeArgs(args, custom, bytesMax);
  assert.ok('error' in decoded, JSON.stringify(decoded).slice(0, 200));
  return decoded.error;
};

describe('large arguments', () => {
  it('come back as they went, in fewer bytes', () => {
    const values = [
      { list: Array.from({ length: 500 }, (_, index) => ({ index, name: `näme ${index}`, half: '\ud800' })) },
      { text: '😀'.repeat(5000), nested: { __proto__: null, deep: [[[]]] } },
    ];
    for (const value of values) {
      const args = argsOf(value);
      const compressed = compressArgs(args);
      assert.ok(compressed && compressed.jsonBytes < args.jsonBytes);
      assert.equal(compressed.jsonBytes, Buffer.byteLength(compressed.json));
      const received: unknown = JSON.parse(`[${compressed.json}]`);
      assert.deepEqual(decodeArgs(received, custom, bytesMax), { args: [JSON.parse(args.json)] });
    }
  });

  it('come back as several for a tuple', () => {
    const json = `"x",${JSON.stringify('y'.repeat(2000))}`;
    const compressed = compressArgs({ value: undefined, json, jsonBytes: json.length, requestId: 'r' });
    assert.equal(compressed?.requestId, 'r');
    const received: unknown = JSON.parse(`[${compressed.json}]`);
    assert.deepEqual(decodeArgs(received, custom, bytesMax), { args: ['x', 'y'.repeat(2000)] });
  });

  it('are left alone when they would not be smaller', () => {
    assert.equal(compressArgs(argsOf({ a: 1 })), undefined);
    assert.equal(compressArgs(argsOf(createHash('sha512').update('noise').digest('base64'))), undefined);
  });

  it('are decoded only where custom says so', () => {
    const received = encode('[{"a":1}]');
    for (const other of [undefined, null, 'gzip', [], {}, { content_encoding: 'br' }, { content_encoding: true }]) {
      assert.deepEqual(decodeArgs(received, other, bytesMax), { args: received });
    }
    assert.deepEqual(decodeArgs('no list', undefined, bytesMax), { args: 'no list' });
  });

  it('that lie about their length are an error, and a bomb is not inflated', () => {
    const bomb = gzipSync(Buffer.alloc(200_000_000, '[')).toString('base64');
    const before = process.memoryUsage().rss;
    for (const bytes of [1, 100, bytesMax]) {
      assert.match(errorOf([{ $encoding: 'gzip+base64', bytes, data: bomb }]), /and are longer/);
    }
    assert.match(errorOf([{ $encoding: 'gzip+base64', bytes: 200_000_000, data: bomb }]), /at most 65536 are decoded/);
    assert.ok(process.memoryUsage().rss - before < 50_000_000, 'little of it was inflated');
    assert.match(errorOf(encode('[1]', 2)), /and are longer/);
    assert.match(errorOf(encode('[1]', 4)), /are 4 bytes long, and are 3/);
  });

  it('that are not what custom says are an error', () => {
    const data = gzipSync('[1]').toString('base64');
    const wrong: unknown[] = [undefined, null, {}, [], [1], [null], [[]], [{ a: 1 }], ['x', ...encode('[1]')]];
    wrong.push([{ $encoding: 'br', bytes: 3, data }], [{ $encoding: 'gzip+base64', data }]);
    for (const bytes of [0, -1, 1.5, Infinity, '3', null]) wrong.push([{ $encoding: 'gzip+base64', bytes, data }]);
    for (const bad of [undefined, 1, '', '!!', `${data}é`, 'AAAA', data.slice(0, 8)])
      wrong.push([{ $encoding: 'gzip+base64', bytes: 3, data: bad }]);
    wrong.push(encode('{}'), encode('1'), encode('[1'), encode(Buffer.from('["\xff"]', 'latin1')));
    for (const args of wrong) assert.ok(errorOf(args).length < 200, JSON.stringify(args));
  });
});
