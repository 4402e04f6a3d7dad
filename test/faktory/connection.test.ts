import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/domain/clock.ts';
import { Connection, ReplyError } from '../../src/faktory/connection.ts';
import type { ConnectionOptions, Loss } from '../../src/faktory/connection-options.ts';
import { ProtocolError, type Reply } from '../../src/faktory/reply-reader.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';
import { assertFitsDetail } from '../helpers/outcomes.ts';
import { bulk, ok, startScriptedBroker, type Script } from '../helpers/scripted-broker.ts';

const hello = (connection: Connection): Promise<string> => connection.sendWithAssert(['HELLO', '{"v":2}'], 'OK');

type Ending = { reply: Reply } | { loss: Loss };

/** Sends one command; the promise tells how it ended, and the test fails if it ends twice. */
function exchange(connection: Connection, line: string): Promise<Ending> {
  return new Promise((resolve) => {
    let endings = 0;
    const end = (ending: Ending): void => {
      assert.equal(++endings, 1, 'a command ended twice');
      resolve(ending);
    };
    connection.exchange(line, { onReply: (reply) => end({ reply }), onLost: (loss) => end({ loss }) });
  });
}

async function lossOf(ending: Promise<Ending>): Promise<Loss> {
  const ended = await ending;
  assert.ok('loss' in ended, 'a reply where a loss was due');
  return ended.loss;
}

async function setUp(
  t: TestContext,
  script: Script,
  overrides: Partial<ConnectionOptions> = {},
  onSocket: (socket: Socket) => Socket = (socket) => socket,
) {
  const broker = await startScriptedBroker({ script });
  t.after(() => broker.close());
  const clock = createFakeClock();
  const connection = new Connection({
    connect: () => onSocket(connect(broker.port, '127.0.0.1')),
    clock,
    provesUnsent: true,
    connectTimeoutMs: 1000,
    readTimeoutMs: 2000,
    writeTimeoutMs: 500,
    bulkBytesMax: 1_000_000,
    ...overrides,
  });
  t.after(() => connection.destroy(new Error('the test is over')));
  return { broker, clock, connection };
}

async function setUpLive(t: TestContext, script: Script, overrides: Partial<ConnectionOptions> = {}) {
  const all = await setUp(t, script, overrides);
  await all.connection.open(hello);
  return all;
}

/** A socket in the hands of the test: it says what it is told to, and ends each write when told to. */
class HandSocket extends Duplex {
  readonly writes: { text: string; end: (error?: Error) => void }[] = [];
  override _read(): void {
    // Pushed by hand.
  }
  override _write(chunk: Buffer, _encoding: BufferEncoding, end: (error?: Error | null) => void): void {
    this.writes.push({ text: chunk.toString(), end });
  }
}

async function setUpByHand(overrides: Partial<ConnectionOptions> = {}) {
  const socket = new HandSocket();
  const clock = createFakeClock();
  const connection = new Connection({
    connect: () => socket,
    clock,
    provesUnsent: true,
    connectTimeoutMs: 1000,
    readTimeoutMs: 2000,
    writeTimeoutMs: 500,
    bulkBytesMax: 1000,
    ...overrides,
  });
  const opened = connection.open(hello);
  socket.push('+HI {"v":2}\r\n');
  await turn();
  socket.writes[0]?.end();
  socket.push(ok);
  await opened;
  socket.writes.length = 0;
  return { socket, clock, connection };
}

/** One turn of the real event loop, in which streams do what they put off. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('opening a connection', () => {
  it('greets, says HELLO and is live', async (t) => {
    const { broker, connection } = await setUpLive(t, {});
    assert.ok(connection.isLive);
    assert.equal(connection.inFlight, 0);
    assert.deepEqual(broker.peers[0]?.lines, ['HELLO {"v":2}']);
  });

  const greetings: [string, string | Buffer, RegExp][] = [
    ['an empty line', '\r\n', /no reply starts with/],
    ['HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n', /no reply starts with/],
    ['TLS', Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]), /no reply starts with/],
    ['a line of 1 MB', `+HI ${'x'.repeat(1 << 20)}\r\n`, /a line of over/],
    ['an OK', '+OK\r\n', /did not greet/],
    ['an error', '-ERR go away\r\n', /did not greet/],
    ['a bulk', bulk('HI {"v":2}'), /did not greet/],
    ['a greeting that is no JSON', '+HI {v:2}\r\n', /not JSON/],
    ['a greeting that is no object', '+HI 2\r\n', /did not greet/],
    ['protocol version 3', '+HI {"v":3}\r\n', /version 3/],
    ['no version', '+HI {}\r\n', /version undefined/],
    ['a million rounds of hashing', '+HI {"v":2,"s":"abc","i":1000000}\r\n', /iterations/],
    ['no rounds of hashing', '+HI {"v":2,"s":"abc","i":0}\r\n', /iterations/],
    ['a greeting and a stray reply', '+HI {"v":2}\r\n+OK\r\n', /no command asked for/],
  ];
  for (const [what, greeting, reason] of greetings) {
    it(`fails at ${what}, and leaves no socket behind`, async (t) => {
      const { broker, connection } = await setUp(t, { greeting, hello: null });
      await assert.rejects(connection.open(hello), reason);
      await broker.until(() => broker.openCount === 0);
      assert.ok(!connection.isLive);
    });
  }

  const silences: [string, Script, RegExp][] = [
    ['the greeting', { greeting: null }, /: its process hangs \(TCP connects, no greeting in 1000 ms\)$/],
    ['the reply to HELLO', { hello: null }, /^Error: it greets, but has not replied to HELLO in 1000 ms$/],
  ];
  for (const [what, script, reason] of silences) {
    it(`fails after the connect timeout without ${what}, and leaves no socket behind`, async (t) => {
      let tellConnected: () => void;
      const connected = new Promise<void>((resolve) => (tellConnected = resolve));
      const onSocket = (socket: Socket): Socket => socket.once('connect', () => tellConnected());
      const { broker, clock, connection } = await setUp(t, script, {}, onSocket);
      const opened = connection.open(hello);
      opened.catch(() => undefined);
      await broker.until(
        () => broker.peers.length === 1 && (script.greeting === null || broker.peers[0]?.lines.length === 1),
      );
      await connected;
      clock.advance(999);
      assert.equal(broker.openCount, 1);
      clock.advance(1);
      await assert.rejects(opened, reason);
      await opened.catch(assertFitsDetail);
      await broker.until(() => broker.openCount === 0);
    });
  }

  it('fails after the connect timeout without a TCP connection, and says so', async (t) => {
    const silent = new Duplex({ read: () => undefined, write: () => undefined });
    const { clock, connection } = await setUp(t, {}, { connect: () => silent });
    const opened = connection.open(hello);
    opened.catch(() => undefined);
    clock.advance(1000);
    await assert.rejects(opened, /no TCP connection in 1000 ms: the network, or its machine$/);
    await opened.catch(assertFitsDetail);
    assert.ok(silent.destroyed);
  });

  it('fails with the text of a refused HELLO', async (t) => {
    const { connection } = await setUp(t, {
      hello: (peer) => {
        peer.write('-ERR Invalid password\r\n');
        peer.end();
      },
    });
    await assert.rejects(
      connection.open(hello),
      (error) => error instanceof ReplyError && /Invalid password/.test(error.message),
    );
  });

  it('fails when nobody listens', async (t) => {
    const { broker, connection } = await setUp(t, {}, { connect: () => connect(1, '127.0.0.1') });
    await assert.rejects(connection.open(hello), { code: 'ECONNREFUSED' });
    assert.equal(broker.peers.length, 0);
  });
});

describe('a live connection', () => {
  it('gives every command its own reply, in order, whatever the types', async (t) => {
    const replies: Record<string, string> = { A: ok, B: '-ERR no\r\n', C: '$-1\r\n', D: bulk('{"x":1}') };
    const { connection } = await setUpLive(t, { reply: (line) => replies[line] ?? ok });
    const endings = await Promise.all(['A', 'B', 'C', 'D'].map((line) => exchange(connection, line)));
    assert.deepEqual(endings, [
      { reply: { type: 'simple', text: 'OK' } },
      { reply: { type: 'error', text: 'ERR no' } },
      { reply: { type: 'nil' } },
      { reply: { type: 'bulk', text: '{"x":1}' } },
    ]);
    assert.ok(connection.isLive, 'an error reply costs no connection');
  });

  it('replies to the library with a text, null for nil, and a rejection for an error', async (t) => {
    const { connection } = await setUpLive(t, {
      reply: (line) => (line === 'A b' ? bulk('text') : line === 'N' ? '$-1\r\n' : '-ERR no\r\n'),
    });
    assert.equal(await connection.send(['A', 'b']), 'text');
    assert.equal(await connection.send(['N']), null);
    await assert.rejects(connection.send(['E']), ReplyError);
    assert.ok(connection.isLive);
  });

  it('is destroyed by a reply that the library did not expect', async (t) => {
    const { connection } = await setUpLive(t, { reply: () => '+LATE\r\n' });
    await assert.rejects(connection.sendWithAssert(['ACK', '{}'], 'OK'), ProtocolError);
    assert.ok(!connection.isLive);
  });

  it('is destroyed by a reply that no command asked for', async (t) => {
    const { broker, connection } = await setUpLive(t, {});
    broker.peers[0]?.write(ok);
    assert.match((await connection.closed).message, /no command asked for/);
    const { maybeSent } = await lossOf(exchange(connection, 'A'));
    assert.equal(maybeSent, false);
  });

  it('gives a stray second reply to nobody', async (t) => {
    const { connection } = await setUpLive(t, { reply: () => ok + ok });
    assert.deepEqual(await exchange(connection, 'A'), { reply: { type: 'simple', text: 'OK' } });
    assert.match((await connection.closed).message, /no command asked for/);
  });

  for (const bytes of [':1\r\n', '*0\r\n', 'garbage', '$5\r\nab', '$99999999\r\n']) {
    it(`is in doubt, and so is its command, at the reply ${JSON.stringify(bytes)}`, async (t) => {
      const { connection } = await setUpLive(t, {
        reply: (_line, peer) => {
          peer.write(bytes);
          peer.end();
          return undefined;
        },
      });
      assert.equal((await lossOf(exchange(connection, 'A'))).maybeSent, true);
      assert.ok(!connection.isLive);
    });
  }

  it('keeps a reply that came right before the end', async (t) => {
    const { connection } = await setUpLive(t, {
      reply: (line, peer) => {
        if (line === 'A') peer.write(ok);
        if (line === 'B') peer.end();
        return undefined;
      },
    });
    const [first, second] = await Promise.all([exchange(connection, 'A'), exchange(connection, 'B')]);
    assert.ok('reply' in first);
    assert.ok('loss' in second && second.loss.maybeSent);
  });

  for (const way of ['end', 'reset'] as const) {
    it(`tells of a broker that hung up: ${way}`, async (t) => {
      const { connection } = await setUpLive(t, {
        reply: (_line, peer) => {
          peer[way]();
          return undefined;
        },
      });
      assert.equal((await lossOf(exchange(connection, 'A'))).maybeSent, true);
      assert.equal((await lossOf(exchange(connection, 'B'))).maybeSent, false);
    });
  }
});

describe('the deadlines of a connection', () => {
  it('loses everything on it when the oldest command waits longer than the read timeout', async (t) => {
    const { broker, clock, connection } = await setUpLive(t, { reply: () => undefined });
    const endings = ['A', 'B', 'C'].map((line) => lossOf(exchange(connection, line)));
    await broker.until(() => broker.lines.length === 3);
    clock.advance(1999);
    assert.ok(connection.isLive);
    clock.advance(1);
    for (const loss of await Promise.all(endings)) {
      assert.equal(loss.maybeSent, true);
      assert.match(loss.reason.message, /read timeout/);
    }
  });

  it('gives every reply its full time again', async (t) => {
    const { broker, clock, connection } = await setUpLive(t, { reply: () => undefined });
    const endings = ['A', 'B', 'C'].map((line) => exchange(connection, line));
    await broker.until(() => broker.lines.length === 3);
    for (const ending of endings) {
      clock.advance(1900);
      broker.peers[0]?.write(ok);
      assert.ok('reply' in (await ending));
    }
    clock.advance(10_000);
    assert.ok(connection.isLive, 'nothing is due on an idle connection');
  });

  it('counts from the write of the first command after a rest', async (t) => {
    const { broker, clock, connection } = await setUpLive(t, { reply: (line) => (line === 'A' ? ok : undefined) });
    await exchange(connection, 'A');
    clock.advance(1500);
    const ending = exchange(connection, 'B');
    await broker.until(() => broker.lines.length === 2);
    clock.advance(1999);
    assert.ok(connection.isLive);
    clock.advance(1);
    assert.match((await lossOf(ending)).reason.message, /read timeout/);
  });

  it('loses a command that the kernel did not take within the write timeout, as not sent', async (t) => {
    const { broker, clock, connection } = await setUpLive(t, { deaf: true });
    const ending = lossOf(exchange(connection, 'x'.repeat(20_000_000)));
    await turn();
    clock.turn();
    assert.ok(connection.isWriting);
    clock.advance(499);
    assert.ok(connection.isLive);
    clock.advance(1);
    const loss = await ending;
    assert.match(loss.reason.message, /write timeout/);
    assert.equal(loss.maybeSent, false);
    assert.deepEqual(broker.lines, []);
  });

  it('sees a reply that waited for a stalled event loop, instead of timing out', async (t) => {
    const { connection } = await setUpLive(t, {}, { clock: systemClock, readTimeoutMs: 100 });
    const ending = exchange(connection, 'A');
    // Both ends live in this process: the broker needs one turn to answer.
    await turn();
    await turn();
    const untilMs = performance.now() + 200;
    while (performance.now() < untilMs);
    assert.ok('reply' in (await ending));
  });
});

describe('the connection limit of the broker', () => {
  const limit = '-ERR too many connections: 2001\r\n';

  it('is never taken for a reply, and proves that nothing was read', async (t) => {
    const { broker, connection } = await setUpLive(t, { reply: () => undefined });
    const endings = ['A', 'B'].map((line) => lossOf(exchange(connection, line)));
    await broker.until(() => broker.lines.length === 2);
    broker.peers[0]?.write(limit);
    for (const { maybeSent, reason } of await Promise.all(endings)) {
      assert.equal(maybeSent, false);
      assert.match(reason.message, /too many connections/);
    }
  });

  it('proves nothing once a command has been answered', async (t) => {
    const { broker, connection } = await setUpLive(t, { reply: (line) => (line === 'A' ? ok : undefined) });
    await exchange(connection, 'A');
    const ending = lossOf(exchange(connection, 'B'));
    await broker.until(() => broker.lines.length === 2);
    broker.peers[0]?.write(limit);
    assert.equal((await ending).maybeSent, true);
  });

  it('ends the connection when it comes in one packet with the reply to HELLO', async (t) => {
    const { connection } = await setUp(t, { hello: `+OK\r\n${limit}` });
    await connection.open(hello).catch(() => undefined);
    assert.match((await connection.closed).message, /too many connections/);
    assert.ok(!connection.isLive);
  });
});

describe('what a lost connection proves', () => {
  it('has at most one write outstanding, and sends what waited for it in one', async () => {
    const { socket, connection } = await setUpByHand();
    for (const line of ['A', 'B', 'C'])
      connection.exchange(line, { onReply: () => undefined, onLost: () => undefined });
    assert.deepEqual(
      socket.writes.map(({ text }) => text),
      ['A\r\n'],
    );
    assert.ok(connection.isWriting);
    assert.equal(connection.inFlight, 3);
    socket.writes[0]?.end();
    await turn();
    assert.deepEqual(
      socket.writes.map(({ text }) => text),
      ['A\r\n', 'B\r\nC\r\n'],
    );
    socket.writes[1]?.end();
    await turn();
    assert.ok(!connection.isWriting);
  });

  it('says not sent of a single write that is pending, and of what waits behind it', async () => {
    const { socket, clock, connection } = await setUpByHand();
    const taken = lossOf(exchange(connection, 'A'));
    socket.writes[0]?.end();
    await turn();
    const pending = lossOf(exchange(connection, 'B'));
    const waiting = lossOf(exchange(connection, 'C'));
    clock.turn();
    connection.destroy(new Error('lost'));
    assert.deepEqual(
      (await Promise.all([taken, pending, waiting])).map(({ maybeSent }) => maybeSent),
      [true, false, false],
    );
  });

  it('says maybe of a write that holds several commands: some of them may have been taken', async () => {
    const { socket, clock, connection } = await setUpByHand();
    const endings = ['A', 'B', 'C'].map((line) => lossOf(exchange(connection, line)));
    socket.writes[0]?.end();
    await turn();
    clock.turn();
    connection.destroy(new Error('lost'));
    assert.deepEqual(
      (await Promise.all(endings)).map(({ maybeSent }) => maybeSent),
      [true, true, true],
    );
  });

  it('says maybe of a pending write within the turn that wrote it: the kernel may have all of it', async () => {
    const { clock, connection } = await setUpByHand();
    const ending = lossOf(exchange(connection, 'A'));
    connection.destroy(new Error('lost'));
    assert.equal((await ending).maybeSent, true);
    clock.turn();
  });

  it('does not take the patience of one write for that of the next', async () => {
    const { socket, clock, connection } = await setUpByHand();
    const first = lossOf(exchange(connection, 'A'));
    socket.writes[0]?.end();
    await turn();
    const second = lossOf(exchange(connection, 'B'));
    socket.writes[1]?.end();
    await turn();
    const third = lossOf(exchange(connection, 'C'));
    connection.destroy(new Error('lost'));
    assert.deepEqual(
      (await Promise.all([first, second, third])).map(({ maybeSent }) => maybeSent),
      [true, true, true],
    );
    clock.turn();
  });

  it('says not sent of a single write that failed', async () => {
    const { socket, connection } = await setUpByHand();
    const ending = lossOf(exchange(connection, 'A'));
    socket.writes[0]?.end(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    assert.deepEqual(await ending, { maybeSent: false, reason: (await ending).reason });
  });

  it('says maybe of every write where a pending one proves nothing, as on TLS', async () => {
    const { clock, connection } = await setUpByHand({ provesUnsent: false });
    const pending = lossOf(exchange(connection, 'A'));
    const waiting = lossOf(exchange(connection, 'B'));
    clock.turn();
    connection.destroy(new Error('lost'));
    assert.equal((await pending).maybeSent, true);
    assert.equal((await waiting).maybeSent, false, 'it was never given to the socket');
  });
});

describe('ending a connection', () => {
  it('says END and waits for the broker to close', async (t) => {
    const { broker, clock, connection } = await setUpLive(t, {});
    await connection.end(250);
    assert.deepEqual(broker.lines, ['END']);
    assert.equal(clock.pendingTimers <= 2, true);
    assert.ok(!connection.isLive);
  });

  it('waits no longer than its grace for a broker that ignores END', async (t) => {
    const { broker, clock, connection } = await setUpLive(t, {
      reply: () => undefined,
    });
    // Its own end would come by itself when ours is seen.
    broker.peers[0]?.socket.removeAllListeners('end');
    const ended = connection.end(250);
    const ending = lossOf(exchange(connection, 'A'));
    clock.advance(250);
    await ended;
    assert.equal((await ending).maybeSent, false);
  });

  it('is done when it has ended already', async (t) => {
    const { connection } = await setUpLive(t, {});
    connection.destroy(new Error('x'));
    connection.destroy(new Error('y'));
    await connection.end(250);
    assert.equal((await connection.closed).message, 'x');
  });
});

describe('a socket of the system', () => {
  it('is gone for the broker too once its connection is destroyed', async (t) => {
    const { broker, connection } = await setUpLive(t, {});
    const peer = broker.peers[0];
    assert.ok(peer);
    const closed = once(peer.socket, 'close');
    connection.destroy(new Error('x'));
    await closed;
  });
});
