// What the fuzzers put where something else is expected: pieces of JSON that are odd, wrong or broken, header fields and
// encodings of every kind. Texts are written as latin1, so that any byte can be had; UTF-8 is spelled out as bytes.
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

const utf8 = (text: string): string => Buffer.from(text).toString('latin1');

const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const deepObject = (depth: number): string => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);

/** In place of a value. Some are no JSON. */
export const oddValues: readonly string[] = [
  ...['null', 'true', 'false', '""', '"1"', '[]', '{}', '[1]', '{"a":1}', '[null]', '', ' ', '-', '{', '[', '"'],
  ...['-0', '0', '0.0', '1e308', '1e309', '-1e400', '1e-400', '5e-324', '1E+2', '9007199254740993', '1e999999999'],
  ...['01', '+1', '.5', '1.', '1e', '0x10', '1_000', 'NaN', 'Infinity', '-Infinity', 'undefined', '1n', "'1'"],
  ...['9'.repeat(400), `0.${'0'.repeat(400)}1`, `1${'0'.repeat(308)}`, `-${'1'.repeat(309)}`],
  ...['"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\u000"', '"\\x41"', '"a\tb"', '"a\nb"', '"\\u2028"'],
  ...['"\x80"', '"\xff\xfe"', '"\xc0\x80"', '"\xed\xa0\x80"', '"\xf4\x90\x80\x80"', utf8('"\u2028é𝒳"')],
  ...[`"${'x'.repeat(199)}"`, `"${'x'.repeat(201)}"`, `"${utf8('é').repeat(101)}"`, `"${'\\u0041'.repeat(500)}"`],
  ...[deep(100), deep(3000), deepObject(100), deepObject(1000), '['.repeat(5000), '{"":'.repeat(1000)],
  ...['{"__proto__":{"a":1}}', '{"constructor":{"prototype":{}}}', '"__proto__"', '{"toString":1}', '{"length":-1}'],
];

/** In place of a whole body. */
export const oddBodies: readonly string[] = [
  ...oddValues,
  ...['{"a":1,"b":2', '{"a":1,"b":2}}', '{"a":1,"b":2}x', '{"a":1,"b":2,}', '{a:1,b:2}', '{"a":1 "b":2}', '[1,2]'],
  ...['/* */{"a":1,"b":2}', '{"a":1,"a":2,"b":3}', ' \t\r\n{"a":1,"b":2}\n ', '\x00{"a":1,"b":2}', '{"a":1,"b":2}\x00'],
  ...[
    '\xef\xbb\xbf{"a":1,"b":2}',
    '\xff\xfe{\x00"\x00',
    '{"\\u0061":1,"b":2}',
    '{"A":1,"B":2}',
    '{"":1}',
    '{"a":1,"b":0}',
  ],
  ...[
    '{"__proto__":1,"a":1,"b":2}',
    '{"\\u005f_proto__":{},"a":1,"b":2}',
    '{"constructor":{"prototype":1},"a":1,"b":2}',
  ],
  ...[
    '{"jobs":[]}',
    '{"jobs":{}}',
    '{"jobs":null}',
    '{"jobs":[[]]}',
    '{"jobs":[{}]}',
    '{"jobs":{"length":1}}',
    '{"jobs":"x"}',
  ],
  ...[`{"jobs":[${'{},'.repeat(1000)}{}]}`, `{"jobs":[${'1,'.repeat(1500)}1]}`, `[${'{},'.repeat(500)}{}]`],
  ...['"'.padEnd(16_000, 'x'), ' '.repeat(16_384), ' '.repeat(16_385), '\x00'.repeat(1000), '\xff'.repeat(1000)],
];

/** Operations of batch entries. */
export const oddOperations: readonly string[] = [
  ...[
    '"pow"',
    '"ADD"',
    '" add"',
    '""',
    'null',
    '1',
    '[]',
    '["add"]',
    '{}',
    '"constructor"',
    '"__proto__"',
    '"toString"',
  ],
  ...[`"${'x'.repeat(1000)}"`, '"\\ud800"', '"\\u0000"', `"${utf8('𝒳').repeat(50)}"`, '"\x80\xff"', '"add\\u0000"'],
];

export const oddTypes: readonly string[] = [
  ...[
    '',
    ' ',
    '*',
    '*/*',
    'json',
    'application',
    'application/',
    '/json',
    'text/plain',
    'text/json',
    'application/xml',
  ],
  ...[
    'APPLICATION/JSON',
    'application/json;',
    'application/json;charset',
    'application/json;charset=',
    'application/json; charset=utf-8',
  ],
  ...[
    'application/json;charset=utf-16',
    'application/json;charset="utf-8"',
    'application/json; charset=utf-8; charset=utf-7',
  ],
  ...[
    'application/json\tx',
    'application/jsonx',
    'application/json x',
    'application/json,text/plain',
    'application/vnd.api+json',
  ],
  ...[
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
    'application/json; boundary="',
    '__proto__',
    'constructor',
  ],
  ...[
    `application/json;${' '.repeat(2000)}charset=x`,
    `application/json${';a=b'.repeat(500)}`,
    'application/json;charset=\xff',
    '\xff/\xfe',
  ],
];

const plain = Buffer.from('{"a":1,"b":2}');
const gzipped = gzipSync(plain);
/** 400 to 1000 times its size, and far beyond every limit. */
const bombs = [gzipSync, deflateSync, brotliCompressSync].map((compress) => compress(Buffer.alloc(2_000_000, '[')));
const smallBomb = gzipSync(Buffer.alloc(16_000, '['));

/** Names of encodings, and a body that does or does not follow them; undefined leaves the body as it is. */
export const encodings: readonly { name: string; encode: (body: Buffer) => Buffer }[] = [
  { name: 'gzip', encode: (body) => gzipSync(body, { level: 1 }) },
  { name: 'GZIP', encode: (body) => gzipSync(body, { level: 1 }) },
  { name: 'x-gzip', encode: () => gzipped },
  { name: 'deflate', encode: (body) => deflateSync(body, { level: 1 }) },
  { name: 'deflate', encode: (body) => deflateRawSync(body, { level: 1 }) },
  { name: 'br', encode: () => brotliCompressSync(plain) },
  { name: 'br', encode: () => bombs[2] as Buffer },
  { name: 'gzip', encode: () => bombs[0] as Buffer },
  { name: 'deflate', encode: () => bombs[1] as Buffer },
  { name: 'gzip', encode: () => smallBomb },
  { name: 'gzip', encode: () => gzipped.subarray(0, -4) },
  { name: 'gzip', encode: () => gzipped.subarray(0, 11) },
  { name: 'gzip', encode: () => Buffer.concat([gzipped, gzipped]) },
  { name: 'gzip', encode: () => Buffer.concat([gzipped, Buffer.from('and more')]) },
  { name: 'gzip', encode: () => Buffer.alloc(0) },
  { name: 'gzip', encode: () => gzipSync('') },
  { name: 'gzip', encode: () => Buffer.from('\x1f\x8b\x08\xff' + '\xff'.repeat(100), 'latin1') },
  { name: 'br', encode: (body) => body },
  { name: 'deflate', encode: (body) => body },
  { name: 'gzip', encode: (body) => body },
  { name: 'identity', encode: (body) => body },
  { name: '', encode: (body) => body },
  { name: 'zstd', encode: (body) => body },
  { name: 'gzip, gzip', encode: (body) => gzipSync(gzipSync(body)) },
  { name: 'identity, gzip', encode: (body) => gzipSync(body) },
  { name: 'constructor', encode: (body) => body },
  { name: '__proto__', encode: (body) => body },
  { name: '\xff', encode: (body) => body },
];

/** Fields that are well-formed, whatever they say: the request still has an end that can be told. */
export const oddFields: readonly (readonly [name: string, value: string])[] = [
  ...(['', ' ', 'x'.repeat(64), 'x'.repeat(65), 'a b', '\xe9', '\t', '-', '"', '{"a":1}'] as const).map(
    (value) => ['X-Request-Id', value] as const,
  ),
  ...(['', 'Bearer', 'Bearer x', 'bearer  y', 'Basic \xff', `Bearer ${'x'.repeat(5000)}`] as const).map(
    (value) => ['Authorization', value] as const,
  ),
  ...(
    [
      'gzip',
      'br',
      '*',
      'gzip;q=0',
      'identity;q=0',
      'x',
      '',
      ',,,',
      'gzip;q=2',
      'deflate',
      'br;q=0.5, gzip;q=x',
    ] as const
  ).map((value) => ['Accept-Encoding', value] as const),
  ...(['', '*', '*/*', 'text/html', 'application/json;q=0', '\xff', ','.repeat(1000)] as const).map(
    (value) => ['Accept', value] as const,
  ),
  ['Accept-Version', '1.0.0'],
  ['Accept-Charset', 'utf-7'],
  ['Expect', '100-continue'],
  ['Expect', '200-ok'],
  ['Connection', 'keep-alive'],
  ['Connection', 'x, y'],
  ['Connection', 'Transfer-Encoding'],
  ['Keep-Alive', 'timeout=0, max=0'],
  ['Upgrade', 'websocket'],
  ['Upgrade', 'h2c'],
  ['HTTP2-Settings', 'AAMAAABkAAQAAP__'],
  ['TE', 'trailers, deflate'],
  ['Trailer', 'Content-Length'],
  ['Range', 'bytes=0-1'],
  ['Range', 'bytes=-1,5-,999999999-'],
  ['If-None-Match', '*'],
  ['If-Match', '"x"'],
  ['If-Modified-Since', 'never'],
  ['Origin', 'null'],
  ['Cookie', 'a=b; __proto__=c'],
  ['Forwarded', 'for=x;host=y'],
  ['X-Forwarded-For', '1.2.3.4, ::1'],
  ['X-Forwarded-Host', 'a\xffb'],
  ['X-HTTP-Method-Override', 'DELETE'],
  ['X-Original-URL', '/metrics'],
  ['Access-Control-Request-Method', 'POST'],
  ['Content-Disposition', 'attachment; filename="\\'],
  ['Content-MD5', '!'],
  ['Date', 'yesterday'],
  ['__proto__', 'x'],
  ['constructor', 'x'],
  ['toString', 'x'],
  ['hasOwnProperty', 'x'],
  ["!#$%&'*+-.^_`|~", 'x'],
  ['X', '\x80\xff'],
  ['X', 'y'.repeat(4000)],
  ['x'.repeat(500), 'y'],
];

/** Lines of a head after which nobody can tell where the request ends, or that no server may take. */
export const brokenLines: readonly string[] = [
  ...[
    'Content-Length: 1',
    'Content-Length: x',
    'Content-Length: -1',
    'Content-Length: +13',
    'Content-Length: 13, 13',
    'Content-Length: 0x10',
  ],
  ...[
    'Content-Length: 99999999999999999999',
    'Content-Length:',
    'Content-Length : 13',
    'Content-Length: 1e1',
    'Content-Length: 1 3',
  ],
  ...[
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: xchunked',
    'Transfer-Encoding: chunked, chunked',
    'Transfer-Encoding: identity',
  ],
  ...[
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: \x0bchunked',
    'Transfer-Encoding:',
  ],
  ...[
    'Transfer-Encoding : chunked',
    ' folded: x',
    '\tfolded',
    'no colon',
    ': no name',
    'X : y',
    'X: a\x00b',
    'X: a\rb',
    'X: a\nb',
    'X: \x7f\x01',
  ],
  ...[
    'X\x00: y',
    'X(y): z',
    'X\xff: y',
    `X: ${'y'.repeat(8192)}`,
    `${'x'.repeat(9000)}: y`,
    '\r',
    '\x00',
    'GET / HTTP/1.1',
    'Connection: close',
  ],
];

/** Fields beside or in place of those of an explicit job. */
export const oddOptions: readonly string[] = [
  ...['"queue":"default"', '"queue":"a b"', '"queue":"q\\r\\nFLUSH"', '"queue":"working"', '"queue":null'],
  ...['"at":"2126-12-01T08:00:00Z"', '"at":"2126-12-01T08:00:00"', '"at":"2016-12-31T23:59:60Z"', '"at":0'],
  ...['"at":"10000-01-01T00:00:00Z"', '"at":"0000-01-01T00:00:00+23:59"', '"delay_seconds":1e-9', '"delay_seconds":-0'],
  ...[
    '"delay_seconds":31536000',
    '"delay_seconds":1e308',
    '"retry":-1',
    '"retry":1e3',
    '"retry":0.1',
    '"reserve_for":60',
  ],
  ...['"expires_at":"2126-12-01T08:00:00+23:59"', '"expires_in_seconds":1', '"custom":{"x":"\\ud800"}', '"custom":[]'],
  ...[
    '"custom":{"content_encoding":"gzip"}',
    `"custom":${'{"c":'.repeat(500)}1${'}'.repeat(500)}`,
    '"key":"k"',
    '"":0',
  ],
  ...['"jobtype":"math_add"', '"jobtype":""', '"args":{"a":1,"b":2}', `"args":${'['.repeat(500)}${']'.repeat(500)}`],
  ...['"args":{"a":1,"b":2,"__proto__":{}}', '"args":{"a":1,"b":2,"request_id":"\\udfff"}', '"args":null', '"delay":1'],
];

/** In place of the chunks of a chunked body, each broken in its own way. */
export const brokenChunks: readonly string[] = [
  ...[
    '',
    '\r\n',
    'z\r\n',
    '-1\r\n{}\r\n0\r\n\r\n',
    '+2\r\n{}\r\n0\r\n\r\n',
    '0x2\r\n{}\r\n0\r\n\r\n',
    ' 2\r\n{}\r\n0\r\n\r\n',
    '2 \r\n{}\r\n0\r\n\r\n',
  ],
  ...[
    '2\n{}\n0\n\n',
    '2\r\n{}0\r\n\r\n',
    '1\r\n{}\r\n0\r\n\r\n',
    '3\r\n{}\r\n0\r\n\r\n',
    '2\r\n{}\r\n',
    '2\r\n{}\r\n0\r\n',
    '2\r\n{}\r\n0',
  ],
  ...[
    'fffffffffffffffff\r\n{}',
    'ffffffffffffffff\r\n{}',
    '7fffffffffffffff\r\n{}',
    '2;\x00\r\n{}\r\n0\r\n\r\n',
    '2;a="\r\n{}\r\n0\r\n\r\n',
  ],
  ...[
    `2;${'x'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`,
    `${'0'.repeat(100)}2\r\n{}\r\n0\r\n\r\n`,
    '2\r\n{}\r\n0\r\nX\r\n\r\n',
    '2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n',
  ],
  ...[
    `2\r\n{}\r\n0\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
    '\xff\r\n',
    '2\r\n{}\r\n0\r\n\r\n0\r\n\r\n',
    '1\r\n{\r\n'.repeat(500),
  ],
];

/** Bytes that are no HTTP/1.1. */
export const noRequests: readonly string[] = [
  ...[
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\x00',
    '\xff'.repeat(100),
    'HELLO {"v":2}\r\n',
  ],
  ...[
    'GET\r\n\r\n',
    'GET /\r\n\r\n',
    'GET / HTTP/1.1\n\n',
    'GET  / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1 \r\n\r\n',
    'get / HTTP/1.1\r\n\r\n',
  ],
  ...[
    'GET / HTTP/9.9\r\n\r\n',
    'GET / HTTP/0.9\r\n\r\n',
    'GET / http/1.1\r\n\r\n',
    'GET / HTTP/1.1.1\r\n\r\n',
    'GET / FTP/1.1\r\n\r\n',
    'HTTP/1.1 200 OK\r\n\r\n',
  ],
  ...[
    'CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n',
    'CONNECT / HTTP/1.1\r\n\r\n',
    `${'A'.repeat(9000)} / HTTP/1.1\r\n\r\n`,
    `GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  ],
  ...[
    'GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n',
    '{"a":1,"b":2}',
    '\r',
  ],
];
