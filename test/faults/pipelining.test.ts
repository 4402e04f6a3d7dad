// Requests behind a refused one in the same packet. A job must not be enqueued when its caller will never be answered: what
// was read is answered, and what comes after the last response of a connection is not taken.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { enqueued } from '../../src/domain/producer.ts';
import { build, connectRaw } from '../helpers/app.ts';
import { showed } from './matrix.ts';

const json = '{"a":1,"b":2}';
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const request = (head: string, body: string | Buffer = json, path = '/jobs/add'): Buffer =>
  Buffer.concat([
    bytes(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${head}\r\n`),
    typeof body === 'string' ? bytes(body) : body,
  ]);
const sized = (body: string | Buffer, head = ''): Buffer => request(`${head}Content-Length: ${body.length}\r\n`, body);
const without = (header: string): Buffer => bytes(sized(json).toString('latin1').replace(header, ''));
const good = sized(json);
const large = 'x'.repeat(20_000);

/** Refused for what they say. */
const refused: Readonly<Record<string, Buffer>> = {
  'half a JSON': sized('{'),
  'an empty body': sized(''),
  'a body that is not valid': sized('{}'),
  'a forbidden key': sized('{"__proto__":null}'),
  'an encoded half of a JSON': sized(gzipSync('{'), 'Content-Encoding: gzip\r\n'),
  'a bomb': sized(gzipSync(Buffer.alloc(1_000_000)), 'Content-Encoding: gzip\r\n'),
  'a body that is not what its encoding says': sized(json, 'Content-Encoding: br\r\n'),
  'an encoding that is not known': sized(json, 'Content-Encoding: zip\r\n'),
  'another content type': bytes(sized(json).toString('latin1').replace('application/json', 'text/plain')),
  'a large body': sized(large),
  'a large body in chunks': request('Transfer-Encoding: chunked\r\n', `4e20\r\n${large}\r\n0\r\n\r\n`),
  'no Host': without('Host: x\r\n'),
  'two Hosts': sized(json, 'Host: y\r\n'),
  'too many headers': sized(json, 'X: y\r\n'.repeat(65)),
  'a path that is not there': request('Content-Length: 13\r\n', json, '/nothing'),
  'a path that takes no POST': request('Content-Length: 13\r\n', json, '/health'),
  'a path that cannot be decoded': request('Content-Length: 13\r\n', json, '/jobs/%zz'),
};

/** Where the second request ends cannot be told. */
const broken: Readonly<Record<string, Buffer>> = {
  'two lengths': sized(json, 'Content-Length: 14\r\n'),
  'a length and chunks': sized(json, 'Transfer-Encoding: chunked\r\n'),
  'a length that is no number': request('Content-Length: x\r\n'),
  'a length that is too small': request('Content-Length: 12\r\n'),
  'a chunk size that is no number': request('Transfer-Encoding: chunked\r\n', `z\r\n${json}\r\n0\r\n\r\n`),
  'a chunk that is too long': request('Transfer-Encoding: chunked\r\n', `c\r\n${json}\r\n0\r\n\r\n`),
  'a bare line feed': bytes(sized(json).toString('latin1').replaceAll('\r\n', '\n')),
  'a space before a colon': sized(json, 'X : y\r\n'),
  'a NUL in a header': sized(json, 'X: a\0b\r\n'),
  'headers over the limit': sized(json, `X: ${'x'.repeat(17_000)}\r\n`),
  'an unknown method': bytes('NOTHING / HTTP/1.1\r\nHost: x\r\n\r\n'),
  'no HTTP': bytes('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),
  CONNECT: bytes('CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'),
};

const pieceBytes = 1000;
const brokers = ['at once', 'late'] as const;
const packets = ['one packet', 'many packets'] as const;

interface Seen {
  /** Ids in the order in which the producer got them. */
  pushed: string[];
  acknowledged: (string | undefined)[];
  text: string;
}

/** Sends a good request, the given one and a good one. */
async function send(t: TestContext, second: Buffer, broker: string, packet: string): Promise<Seen> {
  const { app, producer, listen } = build(t);
  const pushed: string[] = [];
  let release = (): void => undefined;
  const held = broker === 'late' ? new Promise<void>((resolve) => (release = resolve)) : undefined;
  producer.push = async ({ jid }) => {
    pushed.push(jid);
    await held;
    return enqueued;
  };
  const url = await listen();
  /** A request of its own, answered after what was sent before has been read. */
  const untilRead = async (): Promise<unknown> => (await fetch(`${url}/health`)).text();
  const client = await connectRaw(t, app);
  const all = Buffer.concat([good, second, good]);
  const step = packet === 'one packet' ? all.length : pieceBytes;
  // The end of the connection may come before the last piece.
  for (let at = 0; at < all.length && client.socket.writable && !client.socket.readableEnded; at += step) {
    client.socket.write(all.subarray(at, at + step));
    await untilRead();
  }
  release();
  await untilRead();
  client.socket.end();
  const text = await client.closed;
  return { pushed, acknowledged: [...text.matchAll(/"job_id":"([^"]+)"/g)].map(([, id]) => id), text };
}

describe('a job behind a request that is refused', () => {
  let runs = 0;
  const enqueuedBehind: string[] = [];
  for (const [what, second] of Object.entries({ ...refused, ...broken })) {
    it(`is enqueued only when it is answered: ${what}`, async (t) => {
      const counts = new Set<number>();
      for (const broker of brokers) {
        for (const packet of packets) {
          const { pushed, acknowledged, text } = await send(t, second, broker, packet);
          assert.deepEqual(pushed, acknowledged, `${broker}, ${packet}: ${text}`);
          assert.ok(acknowledged.length >= 1, `${broker}, ${packet}: the first was not answered`);
          // Whatever is wrong with its framing, the rest of its bytes is no request.
          if (what in broken) assert.equal(acknowledged.length, 1);
          counts.add(acknowledged.length);
          runs += 1;
        }
      }
      if (counts.has(2)) enqueuedBehind.push(what);
    });
  }

  it('was tried in every way', () => {
    const kinds = Object.keys(refused).length + Object.keys(broken).length;
    assert.equal(runs, kinds * 4);
    showed(
      'pipelined-behind-refused',
      `${kinds} kinds of second request, ${runs} runs: enqueued = answered in each; the third was both behind ${enqueuedBehind.length} of the kinds`,
    );
  });
});
