import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Connection } from '../../src/faktory/connection.ts';
import { ProtocolError, type Reply } from '../../src/faktory/reply-reader.ts';
import type { ReplyHandler } from '../../src/faktory/connection-options.ts';
import { createStandings } from '../../src/faktory/standings.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';
import { assertFitsDetail } from '../helpers/outcomes.ts';

const info: Reply = { type: 'bulk', text: '{"faktory":{}}' };
const deadline: Reply = { type: 'error', text: 'ERR context deadline exceeded' };

/** A connection in the hands of the test: it notes what is written to it. */
class HandConnection {
  repliedMs: number;
  readonly lines: string[] = [];
  readonly handlers: ReplyHandler[] = [];
  reason: Error | undefined;
  constructor(repliedMs: number) {
    this.repliedMs = repliedMs;
  }
  exchange(line: string, handler: ReplyHandler): void {
    this.lines.push(line);
    this.handlers.push(handler);
  }
  destroy(reason: Error): void {
    this.reason = reason;
    for (const handler of this.handlers.splice(0)) handler.onLost({ maybeSent: true, reason });
  }
  get asConnection(): Connection {
    return this as unknown as Connection;
  }
}

function setUp(size = 4) {
  const clock = createFakeClock(0);
  const downs: boolean[] = [];
  const standings = createStandings({
    size,
    clock,
    onChange: () => {
      const isDown = standings.downReason !== undefined;
      if (isDown !== (downs.at(-1) ?? false)) downs.push(isDown);
    },
  });
  const open = (): HandConnection => {
    const connection = new HandConnection(clock.now());
    standings.opened(connection.asConnection);
    return connection;
  };
  const connections = Array.from({ length: size }, open);
  const replyOn = (connection: HandConnection, reply: Reply): void => {
    connection.repliedMs = clock.now();
    connection.handlers.shift()?.onReply(reply);
  };
  const giveUp = (connection: HandConnection, sinceMs: number): void => {
    standings.silent(connection.asConnection, sinceMs);
    connection.destroy(new Error('read timeout'));
    standings.lost(connection.asConnection);
  };
  const isTrusted = (connection: HandConnection): boolean => standings.trusted.includes(connection.asConnection);
  return { clock, standings, connections, downs, open, replyOn, giveUp, isTrusted };
}

type Four = [HandConnection, HandConnection, HandConnection, HandConnection];

describe('the standings of connections', () => {
  it('trust each as it opens, and write nothing by themselves', () => {
    const { standings, connections, downs } = setUp();
    assert.equal(standings.trusted.length, 4);
    assert.deepEqual(
      connections.flatMap(({ lines }) => lines),
      [],
    );
    assert.deepEqual(downs, []);
  });

  it('ask those that have not answered since a silence began, and leave the others alone', () => {
    const { clock, standings, connections, downs, giveUp, replyOn, isTrusted } = setUp();
    const [silent, idle, early, busy] = connections as Four;
    clock.advance(10_000);
    early.repliedMs = clock.now() + 500;
    busy.repliedMs = clock.now() + 1000;
    clock.advance(7000);
    giveUp(silent, 10_000);
    assert.deepEqual(
      [silent, idle, early, busy].map(({ lines }) => lines),
      [[], ['INFO'], ['INFO'], []],
    );
    assert.deepEqual(
      [idle, early, busy].map((one) => isTrusted(one)),
      [false, false, true],
    );
    assert.equal(standings.doubted, 2);
    replyOn(idle, info);
    assert.ok(isTrusted(idle));
    clock.advance(60_000);
    assert.deepEqual(downs, [], 'one was trusted all the time');
    assert.equal(early.lines.length, 1, 'asked once');
  });

  it('say that the broker is away when none is left, 30 ms later, and that it is back with the first reply', () => {
    const { clock, standings, connections, downs, giveUp, replyOn } = setUp();
    const [silent, second, third] = connections as Four;
    clock.advance(7000);
    giveUp(silent, 0);
    clock.advance(29);
    assert.equal(standings.downReason, undefined, 'the replies to INFO may be on their way');
    clock.advance(1);
    assert.match(String(standings.downReason), /does not answer/);
    clock.advance(3000);
    giveUp(second, 7000);
    replyOn(third, info);
    assert.equal(standings.downReason, undefined);
    assert.deepEqual(standings.trusted, [third]);
    assert.deepEqual(downs, [true, false], 'each told once');
  });

  it('do not say so when INFO is answered at once', () => {
    const { clock, connections, downs, giveUp, replyOn } = setUp();
    const [silent, ...others] = connections as Four;
    clock.advance(7000);
    giveUp(silent, 0);
    clock.advance(20);
    for (const other of others) replyOn(other, info);
    clock.advance(1000);
    assert.deepEqual(downs, []);
  });

  it('ask a new connection first while a doubt is open, and no longer when all are trusted again', () => {
    const { clock, standings, connections, open, replyOn, giveUp, isTrusted } = setUp();
    const [silent, ...others] = connections as Four;
    clock.advance(7000);
    giveUp(silent, 0);
    const replacement = open();
    assert.deepEqual(replacement.lines, ['INFO']);
    for (const other of others) replyOn(other, info);
    const another = open();
    assert.deepEqual(another.lines, ['INFO'], 'one is still in doubt');
    standings.lost(another.asConnection);
    another.destroy(new Error('closed'));
    replyOn(replacement, info);
    standings.lost(replacement.asConnection);
    const last = open();
    assert.deepEqual([last.lines, isTrusted(last)], [[], true]);
  });

  it('ask a connection whose broker answered with a deadline of its own, and again each 500 ms while INFO meets it', () => {
    const { clock, standings, connections, downs, replyOn, isTrusted } = setUp(2);
    const [late, other] = connections as Four;
    clock.advance(6000);
    late.repliedMs = clock.now();
    standings.late(late.asConnection, 0);
    assert.deepEqual([late.lines, other.lines], [['INFO'], ['INFO']]);
    replyOn(late, deadline);
    clock.advance(30);
    assert.match(String(standings.downReason), /: its Redis hangs \(it greets, but/);
    assertFitsDetail(standings.downReason);
    clock.advance(469);
    assert.equal(late.lines.length, 1);
    clock.advance(1);
    assert.equal(late.lines.length, 2);
    replyOn(late, info);
    assert.ok(isTrusted(late));
    assert.deepEqual(downs, [true, false]);
  });

  it('tell a process that hangs from a Redis that does, by a greeting since the silence began', () => {
    const { clock, standings, connections, open, giveUp, replyOn } = setUp(1);
    const [silent] = connections as Four;
    clock.advance(7000);
    giveUp(silent, 0);
    clock.advance(30);
    assert.match(String(standings.downReason), /: it does not answer in time$/);
    const replacement = open();
    assert.match(String(standings.downReason), /: its Redis hangs /);
    replyOn(replacement, info);
    assert.equal(standings.downReason, undefined);
    clock.advance(7000);
    giveUp(replacement, 7000);
    clock.advance(30);
    assert.match(String(standings.downReason), /: it does not answer in time$/);
  });

  it('take a clear refusal of INFO for a reply: each job is told what is wrong', () => {
    const { clock, connections, giveUp, replyOn, isTrusted } = setUp(2);
    const [silent, other] = connections as Four;
    clock.advance(7000);
    giveUp(silent, 0);
    replyOn(other, { type: 'error', text: 'MISCONF Redis is configured to save RDB snapshots' });
    assert.ok(isTrusted(other));
  });

  for (const reply of [{ type: 'nil' }, { type: 'simple', text: 'OK' }, { type: 'bulk', text: 'x' }] as const) {
    it(`end a connection that answers INFO with ${JSON.stringify(reply)}`, () => {
      const { clock, standings, connections, giveUp, replyOn } = setUp(2);
      const [silent, other] = connections as Four;
      clock.advance(7000);
      giveUp(silent, 0);
      replyOn(other, reply);
      assert.ok(other.reason instanceof ProtocolError);
      standings.lost(other.asConnection);
      assert.deepEqual([standings.trusted.length, standings.doubted], [0, 0]);
    });
  }

  it('forget a connection that is lost while it rests', () => {
    const { clock, standings, connections, replyOn } = setUp(2);
    const [late] = connections as Four;
    clock.advance(6000);
    standings.late(late.asConnection, 0);
    replyOn(late, deadline);
    standings.lost(late.asConnection);
    clock.advance(1000);
    assert.deepEqual(late.lines, ['INFO']);
    assert.equal(standings.doubted, 1);
  });
});
