// Bodies of one size that are as costly to parse and to check as anyone could think of; each fits the limit it is made for.
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

/** A text of at most `bytes`, made of `part` between two ends. */
function fill(bytes: number, start: string, part: (index: number) => string, end: string): string {
  const parts: string[] = [];
  let left = bytes - Buffer.byteLength(start) - Buffer.byteLength(end);
  for (let index = 0; ; index++) {
    const next = index === 0 ? part(index) : `,${part(index)}`;
    left -= Buffer.byteLength(next);
    if (left < 0) return start + parts.join('') + end;
    parts.push(next);
  }
}

function nest(bytes: number, start: string, open: string, middle: string, close: string, end: string): string {
  const depth = Math.floor((bytes - start.length - middle.length - end.length) / (open.length + close.length));
  return start + open.repeat(depth) + middle + close.repeat(depth) + end;
}

const pad = (bytes: number, start: string, filling: string, end: string): string =>
  start + filling.repeat(Math.floor((bytes - Buffer.byteLength(start + end)) / Buffer.byteLength(filling))) + end;

/** Halfway between two doubles, as far as its first 700 digits say: the slow way of reading a number. */
const halfway = `0.${'0'.repeat(20)}9007199254740993${'0'.repeat(700)}1`;
const suspect = '"__proto__x":1,"x":"\\"__proto__\\" :","__proto__y":';

/** By what is costly about them; `bytes` is the limit. Those for batches come in the envelope too. */
export function worstTexts(bytes: number): Record<string, string> {
  const single = '{"a":1,"b":2,"x":';
  return {
    '[[[[': nest(bytes, '', '[', '', ']', ''),
    '[[[[ unclosed': '['.repeat(bytes),
    '{"":{"":': nest(bytes, '', '{"":', '1', '}', ''),
    '[[[[ in a field': nest(bytes, single, '[', '', ']', '}'),
    '{"":{"": in a field': nest(bytes, single, '{"":', '1', '}', '}'),
    '[[[[ as an operand': nest(bytes, '{"b":2,"a":', '[', '', ']', '}'),
    'many keys': fill(bytes, '{"a":1,"b":2,', (index) => `"k${index.toString(36)}":0`, '}'),
    'many numbered keys': fill(bytes, '{"a":1,"b":2,', (index) => `"${index * 7919}":0`, '}'),
    'one key many times': fill(bytes, '{"a":1,"b":2,', () => '"x":0', '}'),
    'many small objects': fill(bytes, `${single}[`, () => '{}', ']}'),
    'many objects with one key': fill(bytes, `${single}[`, (index) => `{"${index.toString(36)}":0}`, ']}'),
    'many empty strings': fill(bytes, `${single}[`, () => '""', ']}'),
    'many short numbers': fill(bytes, `${single}[`, (index) => String(index % 10), ']}'),
    'many long numbers': fill(bytes, `${single}[`, () => '1.7976931348623157e308', ']}'),
    'many halfway numbers': fill(bytes, `${single}[`, () => halfway, ']}'),
    'one long number': pad(bytes, '{"b":1,"a":', '1', '}'),
    'one long fraction': pad(bytes, '{"b":1,"a":0.', '3', '}'),
    'one long exponent': pad(bytes, '{"b":1,"a":1e', '9', '}'),
    'a long text': pad(bytes, `${single}"`, 'x', '"}'),
    'a long text of escapes': pad(bytes, `${single}"`, '\\u0041', '"}'),
    'a long text of backslashes': pad(bytes, `${single}"`, '\\\\', '"}'),
    'a long text of pairs': pad(bytes, `${single}"`, '𝒳', '"}'),
    'a long request_id': pad(bytes, '{"a":1,"b":2,"request_id":"', 'é', '"}'),
    'a long request_id of escapes': pad(bytes, '{"a":1,"b":2,"request_id":"', '\\u0000', '"}'),
    spaces: pad(bytes, '{"a":1,"b":2', ' ', '}'),
    'a forbidden key behind spaces': pad(bytes, '{"a":1,"b":2,"x":["__proto__"', ' ', ']}'),
    'many texts like a forbidden key': fill(bytes, `${single}[`, () => '"__proto__" ', ']}'),
    'many beginnings of a forbidden key': fill(bytes, `${single}[`, () => '"\\u005f_prot"', ']}'),
    'many keys to look through for a forbidden one': fill(
      bytes,
      `{"a":1,"b":2,"constructor":1,${suspect}{`,
      (index) => `"${index.toString(36)}":{}`,
      '}}',
    ),
    'many arrays to look through for a forbidden key': fill(bytes, '{"a":1,"b":2,"constructor":[', () => '[]', ']}'),
    'a forbidden key at the end of [[[[': nest(bytes, '{"a":1,"x":', '[', '{"__proto__":1}', ']', '}'),
    'a forbidden key after many objects': fill(bytes - 17, '{"x":[', () => '{}', '],"__proto__":1}'),
    'bytes that are no UTF-8': `{"a":1,"b":2,"x":"${'\uFFFD'.repeat(Math.floor((bytes - 20) / 3))}"}`,
  };
}

const entryKinds: Readonly<Record<string, (room: number, index: number) => string>> = {
  good: () => '{"operation":"add","a":1.5,"b":-2}',
  'good with a long request_id': () => `{"operation":"add","a":1,"b":2,"request_id":"${'é'.repeat(100)}"}`,
  'good with many keys': (room) =>
    fill(room, '{"operation":"add","a":1,"b":2,', (index) => `"${index.toString(36)}":0`, '}'),
  'good with a long field': (room) => pad(room, '{"operation":"add","a":1,"b":2,"x":"', 'x', '"}'),
  'empty objects': () => '{}',
  'without a field': () => '{"operation":"add"}',
  'wrong in all fields': () => '{"operation":"divide","a":"","b":[],"request_id":{}}',
  'wrong with long texts': (room) => pad(room, '{"operation":"divide","a":"1","b":0,"request_id":"', '\\u0000', '"}'),
  'of an unknown operation': (room) => pad(room, '{"operation":"', '\\u0000', '"}'),
  'of an operation in pairs': (room) => pad(room, '{"operation":"', '𝒳', '"}'),
  nested: (room) => nest(room, '{"operation":"add","a":', '[', '', ']', '}'),
  'of many small arrays': (room) => fill(room, '{"operation":"add","a":[', () => '[]', ']}'),
  'of many small objects': (room) => fill(room, '{"operation":"divide","b":0,"a":[', () => '{}', ']}'),
  'of arrays nested a little': (room) =>
    fill(room, '{"operation":"add","a":[', () => `${'['.repeat(20)}${']'.repeat(20)}`, ']}'),
  'no objects': (_room, index) => String(index % 10),
  'no objects but arrays': () => '[]',
};

/** Batches of `count` entries within the limit. */
export function worstBatches(bytes: number, count: number): Record<string, string> {
  const room = Math.floor((bytes - 20) / count) - 1;
  const batches = Object.entries(entryKinds).map(([what, entry]): [string, string] => [
    `${count} entries ${what}`,
    `{"jobs":[${Array.from({ length: count }, (_, index) => entry(room, index)).join()}]}`,
  ]);
  const many = fill(bytes, '{"jobs":[', () => '{}', ']}');
  const manySuspects = fill(bytes, '{"constructor":{"x":1},"jobs":[', () => '{}', ']}');
  return { ...Object.fromEntries(batches), 'too many entries': many, 'too many entries to look through': manySuspects };
}

/** Ways to send a text: as it is, and encoded. */
export const transports: Readonly<Record<string, (text: string) => { body: Buffer; encoding?: string }>> = {
  plain: (text) => ({ body: Buffer.from(text) }),
  gzip: (text) => ({ body: gzipSync(text, { level: 1 }), encoding: 'gzip' }),
  br: (text) => ({
    // A large window, which the decoder has to get first.
    body: brotliCompressSync(text, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_LGWIN]: 24 },
    }),
    encoding: 'br',
  }),
};
