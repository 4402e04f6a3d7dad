// The HTTP side against raw bytes: smuggling, slow and oversize requests, pipelining, callers that do not read, and the
// end of connections. What Node refuses by itself is asserted too: a new version must not change it unseen.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { enqueued } from '../../src/domain/producer.ts';
import * as limits from '../../src/http/limits.ts';
import { createStallingClock } from '../helpers/fake-clock.ts';
import { build, connectRaw, type BuiltApp, type RawClient } from '../helpers/app.ts';

const json = '{"a":1,"b":2}';
const post = (extra: string, body = json, path = '/jobs/add'): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${extra}\r\n${body}`;
const whole = post(`Content-Length: ${json.length}\r\n`);

async function open(t: TestContext, bytes: string): Promise<BuiltApp & { client: RawClient }> {
  const built = build(t);
  await built.listen();
  return { ...built, client: await connectRaw(t, built.app, bytes) };
}

/** An app whose producer holds every job until it is told. */
async function openHolding(t: TestContext) {
  const built = build(t);
  const held: (() => void)[] = [];
  let pushed = 0;
  let noticed = (): void => undefined;
  built.producer.push = () => {
    pushed++;
    noticed();
    return new Promise((resolve) => void held.push(() => resolve(enqueued)));
  };
  await built.listen();
  const untilHeld = async (count: number): Promise<void> => {
    while (held.length < count) await new Promise<void>((resolve) => (noticed = () => setImmediate(resolve)));
  };
  return {
    ...built,
    untilHeld,
    pushedSoFar: () => pushed,
    release: (count = held.length) => held.splice(0, count).forEach((settle) => settle()),
  };
}

/** Status and code of the only response, which must be a problem. */
function onlyProblem(text: string): [number, string] {
  const responses = text.match(/HTTP\/1\.1 \d{3}/g) ?? [];
  assert.equal(responses.length, 1, text);
  const [head = '', body = ''] = text.split('\r\n\r\n');
  assert.match(head, /content-type: application\/problem\+json/i);
  assert.match(head, /connection: close/i);
  assert.match(head, /x-content-type-options: nosniff/i);
  const problem = JSON.parse(body) as { code: string; status: number; instance: string };
  assert.match(head, new RegExp(`x-request-id: ${problem.instance}`, 'i'));
  return [problem.status, problem.code];
}

const smuggled: [string, string][] = [
  ['Content-Length and Transfer-Encoding', post(`Content-Length: 13\r\nTransfer-Encoding: chunked\r\n`)],
  ['two Content-Lengths', post('Content-Length: 13\r\nContent-Length: 14\r\n')],
  ['two equal Content-Lengths', post('Content-Length: 13\r\nContent-Length: 13\r\n')],
  ['a list as Content-Length', post('Content-Length: 13, 13\r\n')],
  ['a signed Content-Length', post('Content-Length: +13\r\n')],
  ['a negative Content-Length', post('Content-Length: -1\r\n')],
  ['an unknown Transfer-Encoding', post('Transfer-Encoding: xchunked\r\n', `d\r\n${json}\r\n0\r\n\r\n`)],
  ['chunked before another coding', post('Transfer-Encoding: chunked, identity\r\n', `d\r\n${json}\r\n0\r\n\r\n`)],
  ['a space before a colon', post('Content-Length : 13\r\n')],
  ['a bare line feed', post('Content-Length: 13\r\n').replaceAll('\r\n', '\n')],
  ['a bare carriage return in a value', post('X: a\rb\r\nContent-Length: 13\r\n')],
  ['a folded header', post('X: a\r\n b\r\nContent-Length: 13\r\n')],
  ['a NUL in a value', post('X: a\0b\r\nContent-Length: 13\r\n')],
  ['a chunk size that is no number', post('Transfer-Encoding: chunked\r\n', `zz\r\n${json}\r\n0\r\n\r\n`)],
  ['a chunk size that overflows', post('Transfer-Encoding: chunked\r\n', `fffffffffffffffff\r\n${json}\r\n0\r\n\r\n`)],
  ['a preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['no Host', `POST /jobs/add HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n${json}`],
  ['two Hosts', post('hOST: y\r\nContent-Length: 13\r\n')],
];

describe('bytes that are no clean request', () => {
  for (const [what, bytes] of smuggled) {
    it(`are answered 400, once, and the connection closes: ${what}`, async (t) => {
      const { client, producer } = await open(t, bytes);
      assert.deepEqual(onlyProblem(await client.closed), [400, 'bad_request']);
      assert.equal(producer.calls.length, 0);
    });
  }

  it('are answered 431 above 16 KiB of headers, and above 64 of them', async (t) => {
    for (const extra of [`X: ${'x'.repeat(16_384)}\r\n`, 'X: y\r\n'.repeat(65)]) {
      const { client } = await open(t, post(`${extra}Content-Length: 13\r\n`));
      assert.deepEqual(onlyProblem(await client.closed), [431, 'headers_too_large']);
    }
  });

  it('are not the cookies that a host of many applications collects', async (t) => {
    const { client } = await open(t, post(`Cookie: x=${'x'.repeat(15_000)}\r\nContent-Length: 13\r\n`));
    await client.until((text) => text.startsWith('HTTP/1.1 202'));
  });

  it('get their response even when more of them arrive before it is read', async (t) => {
    const { client, app } = await open(t, '');
    client.socket.pause();
    for (const bytes of [`GET / HTTP/1.1\r\nX: ${'x'.repeat(17_000)}`, 'more', 'and more']) {
      const refused = once(app.server, 'clientError');
      client.socket.write(bytes);
      await refused;
    }
    client.socket.resume();
    assert.deepEqual(onlyProblem(await client.closed), [431, 'headers_too_large']);
  });

  it('are answered 413 when a body is announced, or arrives, above the limit', async (t) => {
    const bodies = ['Content-Length: 99000000000\r\n', 'Transfer-Encoding: chunked\r\n'];
    for (const extra of bodies) {
      const { client } = await open(t, post(extra, `5000\r\n${'x'.repeat(0x5000)}\r\n`));
      assert.deepEqual(onlyProblem(await client.closed), [413, 'body_too_large']);
    }
  });

  it('do not become a job when the rest of a broken chunk looks like one', async (t) => {
    const { client, producer } = await open(t, post('Transfer-Encoding: chunked\r\n', 'z\r\n'));
    client.socket.write(`d\r\n${json}\r\n0\r\n\r\n${whole}`);
    assert.deepEqual(onlyProblem(await client.closed), [400, 'bad_request']);
    assert.equal(producer.calls.length, 0);
  });
});

describe('an expectation', () => {
  for (const value of ['200-maybe', '100-continue, 200-maybe', '200-maybe,100-continue', '100-continuex'])
    it(`that nobody knows is refused before the body comes: ${value}`, async (t) => {
      const { client, producer } = await open(t, post(`Content-Length: 13\r\nExpect: ${value}\r\n`, ''));
      assert.deepEqual(onlyProblem(await client.closed), [417, 'expectation_failed']);
      assert.equal(producer.calls.length, 0);
    });

  for (const value of ['100-continue', '100-Continue', '100-continue, 100-continue'])
    it(`is met: ${value}`, async (t) => {
      const { client } = await open(t, post(`Content-Length: 13\r\nExpect: ${value}\r\n`, ''));
      await client.until((text) => text === 'HTTP/1.1 100 Continue\r\n\r\n');
      client.socket.write(json);
      await client.until((text) => text.includes('HTTP/1.1 202'));
    });

  it('of HTTP/1.0 is ignored', async (t) => {
    const { client } = await open(
      t,
      whole.replace('HTTP/1.1', 'HTTP/1.0').replace('\r\n\r\n', '\r\nExpect: x\r\n\r\n'),
    );
    assert.match(await client.closed, /^HTTP\/1\.1 202/);
  });
});

describe('a slow request', { concurrency: true }, () => {
  it('has the limits that are documented', async (t) => {
    const { app } = build(t);
    const { headersTimeout, requestTimeout, keepAliveTimeout, maxConnections, timeout } = app.server;
    assert.deepEqual(
      { headersTimeout, requestTimeout, keepAliveTimeout, maxConnections, timeout },
      {
        headersTimeout: 5000,
        requestTimeout: 10_000,
        keepAliveTimeout: 72_000,
        maxConnections: 14_096,
        timeout: 40_000,
      },
    );
  });

  const slow: [string, string][] = [
    ['nothing at all', ''],
    ['half a header', 'POST /jobs/add HTTP/1.1\r\nHost: x\r\nConte'],
    ['half a body', post('Content-Length: 13\r\n', '{"a":')],
    ['half a chunk', post('Transfer-Encoding: chunked\r\n', 'd\r\n{"a":')],
  ];
  for (const [what, bytes] of slow) {
    it(`is answered 408 and the connection closes: ${what}`, async (t) => {
      const built = build(t);
      built.app.server.headersTimeout = 100;
      built.app.server.requestTimeout = 200;
      await built.listen();
      const client = await connectRaw(t, built.app, bytes);
      assert.deepEqual(onlyProblem(await client.closed), [408, 'request_timeout']);
      assert.equal(built.producer.calls.length, 0);
    });
  }

  it('is not taken after all when its rest comes after the response', async (t) => {
    const built = build(t);
    built.app.server.headersTimeout = 100;
    await built.listen();
    const client = await connectRaw(t, built.app, whole.slice(0, 20));
    await client.until((text) => text.includes('request_timeout'));
    client.socket.write(whole.slice(20));
    assert.deepEqual(onlyProblem(await client.closed), [408, 'request_timeout']);
    assert.equal(built.producer.calls.length, 0);
  });
});

describe('a slow request behind one that still waits for its response', () => {
  async function openSlowBehindHeld(t: TestContext) {
    const built = await openHolding(t);
    built.app.server.headersTimeout = 100;
    built.app.server.requestTimeout = 100;
    const client = await connectRaw(t, built.app, whole + whole.slice(0, -1));
    await built.untilHeld(1);
    await once(built.app.server, 'clientError');
    return { built, client };
  }

  it('is answered when its rest comes in time after all, and nothing behind it is taken', async (t) => {
    const { built, client } = await openSlowBehindHeld(t);
    client.socket.write(whole.slice(-1));
    await built.untilHeld(2);
    built.release(1);
    await client.until((received) => received.includes('job_id'));
    const read = once(built.app.server, 'request');
    client.socket.write(whole);
    await read;
    built.release();
    const text = await client.closed;
    assert.deepEqual(text.match(/HTTP\/1\.1 \d{3}/g), ['HTTP/1.1 202', 'HTTP/1.1 202']);
    assert.equal(built.pushedSoFar(), 2);
  });

  it('is answered 408 behind that response, and never becomes a job', async (t) => {
    const { built, client } = await openSlowBehindHeld(t);
    built.release();
    const text = await client.until((received) => received.includes('request_timeout'));
    client.socket.write(whole.slice(-1) + whole);
    await client.closed;
    assert.deepEqual(text.match(/HTTP\/1\.1 \d{3}/g), ['HTTP/1.1 202', 'HTTP/1.1 408']);
    assert.equal(built.pushedSoFar(), 1);
  });
});

describe('a body that is still being read', () => {
  const chunked = (body: Buffer, extra = ''): Buffer =>
    Buffer.concat([
      Buffer.from(post(`Transfer-Encoding: chunked\r\n${extra}`, '')),
      Buffer.from(`${body.length.toString(16)}\r\n`),
      body,
      Buffer.from('\r\n'),
    ]);
  const encodings = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync };
  for (const [encoding, compress] of Object.entries(encodings)) {
    it(`is refused when bytes follow its compressed end: ${encoding}`, async (t) => {
      const built = build(t);
      await built.listen();
      const client = await connectRaw(t, built.app);
      client.socket.write(
        chunked(Buffer.concat([compress(json), Buffer.alloc(1)]), `Content-Encoding: ${encoding}\r\n`),
      );
      await client.until((text) => text.includes('malformed_json'));
      // The body ends with a broken chunk. The response stays 400.
      client.socket.end('zzz\r\n');
      assert.equal((await client.closed).match(/HTTP\/1\.1 \d{3}/g)?.[0], 'HTTP/1.1 400');
      assert.equal(built.producer.calls.length, 0);
    });
  }

  it('counts what has come, not what was announced', async (t) => {
    const built = build(t);
    await built.listen();
    const first = post('Content-Length: 524288\r\n', '{', '/jobs/batch');
    const read = new Set<Socket>();
    built.app.server.on('request', ({ socket }: { socket: Socket }) => void read.add(socket));
    const most = limits.bodiesBytesMax / 524_288 + 44;
    for (let count = 0; count < most; count++) await connectRaw(t, built.app, first);
    while (read.size < most) await once(built.app.server, 'request');
    const body = '{"jobs":[{"operation":"add","a":1,"b":2}]}';
    const client = await connectRaw(t, built.app, post(`Content-Length: ${body.length}\r\n`, body, '/jobs/batch'));
    await client.until((text) => text.startsWith('HTTP/1.1 202'));
  });
});

describe('pipelined requests', () => {
  it('have as much time behind a large response as alone', async (t) => {
    const built = await openHolding(t);
    const connected = once(built.app.server, 'connection');
    const client = await connectRaw(t, built.app, `GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n${whole}`);
    const [socket] = (await connected) as [Socket];
    await built.untilHeld(1);
    await client.until((text) => text.endsWith('}'));
    while (socket.timeout === limits.slowReaderTimeoutMs) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(socket.timeout, built.app.server.timeout);
    built.release();
    await client.until((text) => text.includes('job_id'));
  });

  it('are answered in order', async (t) => {
    const { client, producer } = await open(t, whole.repeat(100));
    const text = await client.until((received) => received.split('job_id').length === 101);
    assert.deepEqual(
      [...text.matchAll(/"job_id":"([^"]+)"/g)].map(([, id]) => id),
      producer.jobs.map(({ jid }) => jid),
    );
  });

  it('go on behind a bad body that was read whole', async (t) => {
    const { client, producer } = await open(t, whole + post('Content-Length: 1\r\n', '{') + whole);
    const text = await client.until((received) => received.split('job_id').length === 3);
    assert.deepEqual(text.match(/HTTP\/1\.1 \d{3}/g), ['HTTP/1.1 202', 'HTTP/1.1 400', 'HTTP/1.1 202']);
    assert.equal(producer.jobs.length, 2);
  });

  it('end with a response that says so: nothing after it is enqueued', async (t) => {
    const large = post('Content-Length: 20000\r\n', 'x'.repeat(20_000));
    const { client, producer } = await open(t, whole + large + whole);
    const text = await client.closed;
    assert.deepEqual(text.match(/HTTP\/1\.1 \d{3}|connection: close/gi), [
      'HTTP/1.1 202',
      'HTTP/1.1 413',
      'connection: close',
    ]);
    assert.equal(producer.jobs.length, 1);
  });

  for (const [what, bytes] of [
    ['bytes that are no request', 'NO HTTP AT ALL\r\n\r\n'],
    ['a body that is broken', post('Transfer-Encoding: chunked\r\n', 'z\r\n')],
    ['a tunnel', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ] as const) {
    it(`are all answered before ${what}`, async (t) => {
      const built = await openHolding(t);
      const client = await connectRaw(t, built.app, whole.repeat(3) + bytes);
      await built.untilHeld(3);
      built.release();
      const statuses = (await client.closed).match(/HTTP\/1\.1 \d{3}/g);
      assert.deepEqual(statuses?.slice(0, 3), ['HTTP/1.1 202', 'HTTP/1.1 202', 'HTTP/1.1 202']);
    });
  }

  it('are told to go on when it is their turn, not in the middle of a response', async (t) => {
    const built = await openHolding(t);
    const expecting = post('Content-Length: 1\r\nExpect: 100-continue\r\n', '{');
    const client = await connectRaw(t, built.app, whole + expecting + whole);
    await built.untilHeld(2);
    built.release();
    const text = await client.until((received) => received.split('job_id').length === 3);
    assert.deepEqual(text.match(/HTTP\/1\.1 \d{3}/g), ['HTTP/1.1 202', 'HTTP/1.1 400', 'HTTP/1.1 202']);
  });

  it('end with an expectation that is refused: nothing after it is enqueued', async (t) => {
    const built = await openHolding(t);
    const bytes = whole + post(`Content-Length: ${json.length}\r\nExpect: 200-maybe\r\n`) + whole;
    const client = await connectRaw(t, built.app, bytes);
    await built.untilHeld(1);
    built.release();
    assert.deepEqual((await client.closed).match(/HTTP\/1\.1 \d{3}/g), ['HTTP/1.1 202', 'HTTP/1.1 417']);
    assert.equal(built.pushedSoFar(), 1);
  });

  it('never get the refusal of the bytes behind them', async (t) => {
    const built = await openHolding(t);
    const client = await connectRaw(t, built.app, whole);
    await built.untilHeld(1);
    const parsed = once(built.app.server, 'clientError');
    client.socket.write('NO HTTP AT ALL\r\n\r\n');
    await parsed;
    assert.equal(client.received(), '');
    built.release();
    const text = await client.closed;
    assert.deepEqual(text.match(/HTTP\/1\.1 \d{3}/g), ['HTTP/1.1 202']);
  });
});

describe('a caller', () => {
  it('that half-closes after its requests still gets the responses, however late', async (t) => {
    const built = await openHolding(t);
    const accepted = once(built.app.server, 'connection');
    const client = await connectRaw(t, built.app);
    const [socket] = (await accepted) as [Socket];
    const ended = once(socket, 'end');
    client.socket.end(whole + whole);
    await ended;
    await built.untilHeld(2);
    built.release();
    assert.equal((await client.closed).split('job_id').length, 3);
  });

  it('that sends all of a large body before it reads gets its 413', async (t) => {
    const { client } = await open(t, '');
    client.socket.pause();
    const body = 'x'.repeat(5_000_000);
    await new Promise((resolve) => client.socket.write(post(`Content-Length: ${body.length}\r\n`, body), resolve));
    client.socket.resume();
    assert.deepEqual(onlyProblem(await client.closed), [413, 'body_too_large']);
  });

  it('that goes away in mid-body leaves no job and no complaint', async (t) => {
    const built = build(t);
    await built.listen();
    const arrived = once(built.app.server, 'request');
    const client = await connectRaw(t, built.app, post('Content-Length: 13\r\n', '{"a":'));
    const [request] = (await arrived) as [NodeJS.EventEmitter];
    const gone = new Promise((resolve) => request.on('close', resolve));
    client.socket.destroy();
    await gone;
    assert.equal(built.producer.calls.length, 0);
    assert.deepEqual(
      built.log.filter(({ level }) => Number(level) >= 40),
      [],
    );
  });

  it('that does not read a large response is cut off, and holds a bounded amount of memory', async (t) => {
    const built = build(t);
    built.app.server.on('connection', (socket: Socket) => {
      const setTimeout = socket.setTimeout.bind(socket);
      socket.setTimeout = (ms, callback) => setTimeout(ms === limits.slowReaderTimeoutMs ? 100 : ms, callback);
    });
    await built.listen();
    const client = await connectRaw(t, built.app);
    client.socket.pause();
    const requested = once(built.app.server, 'request');
    client.socket.write('GET /docs/static/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(20));
    const [{ socket }] = (await requested) as [{ socket: Socket }];
    await once(socket, 'close');
    assert.ok(socket.bytesWritten < 20_000_000);
  });
});

describe('a caller that reads a large response byte by byte', () => {
  it('is cut off after a minute, and keeps its connection when it has read all before', async (t) => {
    const clock = createStallingClock();
    const built = build(t, { clock });
    await built.listen();
    const accepted = once(built.app.server, 'connection');
    const client = await connectRaw(t, built.app);
    const [socket] = (await accepted) as [Socket];
    client.socket.write('GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.until((text) => text.endsWith('}'));
    clock.advance(limits.readingTimeoutMs);
    assert.ok(!socket.destroyed);
    client.socket.pause();
    const requested = once(built.app.server, 'request');
    client.socket.write('GET /docs/static/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10));
    await requested;
    while (socket.writableLength === 0) await new Promise((resolve) => setImmediate(resolve));
    const closed = once(socket, 'close');
    clock.advance(limits.readingTimeoutMs);
    await closed;
  });
});

const portClosed = async ({ app }: BuiltApp): Promise<void> => {
  while (app.server.listening) await new Promise((resolve) => setImmediate(resolve));
};

describe('the end', () => {
  it('does not wait for a caller that reads none of its responses', async (t) => {
    const built = build(t);
    await built.listen();
    const connected = once(built.app.server, 'connection');
    const client = await connectRaw(t, built.app);
    const [socket] = (await connected) as [Socket];
    client.socket.pause();
    client.socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(60_000));
    const gone = once(socket, 'close');
    while (socket.writableLength === 0) await new Promise((resolve) => setImmediate(resolve));
    await built.app.close();
    await gone;
  });

  it('lets responses out and then closes every connection at once', async (t) => {
    const built = await openHolding(t);
    const idle = await connectRaw(t, built.app, 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    await idle.until((received) => received.includes('healthy'));
    const busy = await connectRaw(t, built.app, whole);
    await built.untilHeld(1);
    const started = performance.now();
    const closed = built.app.close();
    await portClosed(built);
    built.release();
    assert.match(await busy.closed, /^HTTP\/1\.1 202/);
    await Promise.all([idle.closed, closed]);
    // An idle connection has 72 s otherwise.
    assert.ok(performance.now() - started < 20_000);
  });

  for (const [what, bytes] of [
    ['head', 'POST /jobs/add HTTP/1.1\r\nHost: x\r\n'],
    ['body', 'POST /jobs/add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"a"'],
  ] as const) {
    it(`does not wait for a ${what} that is never finished, and answers it 408`, async (t) => {
      const built = build(t);
      await built.listen();
      const client = await connectRaw(t, built.app, bytes);
      // Answered after the bytes above have been read.
      const other = await connectRaw(t, built.app, 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
      await other.until((received) => received.includes('healthy'));
      await built.app.close();
      assert.match(await client.closed, /^HTTP\/1\.1 408 [\s\S]*"code":"request_timeout"/);
    });
  }

  it('leaves a request on an open connection to the producer even then, and says that it is the last', async (t) => {
    const built = await openHolding(t);
    const client = await connectRaw(t, built.app, whole);
    await built.untilHeld(1);
    void built.app.close();
    await portClosed(built);
    client.socket.write(whole);
    await built.untilHeld(2);
    built.release();
    const text = await client.closed;
    assert.deepEqual(text.match(/HTTP\/1\.1 \d{3}|connection: close/gi), [
      'HTTP/1.1 202',
      'HTTP/1.1 202',
      'Connection: close',
    ]);
  });

  it('still enqueues while draining, and says Connection: close', async (t) => {
    const { post: send, drain, producer } = build(t);
    drain();
    const response = await send('/jobs/add', { a: 1, b: 2 });
    assert.deepEqual([response.statusCode, response.headers.connection, producer.jobs.length], [202, 'close', 1]);
    assert.equal((await send('/nothing', {})).headers.connection, 'close');
  });
});
