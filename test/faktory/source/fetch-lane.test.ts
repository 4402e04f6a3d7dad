// How many FETCHes a connection has: what a round trip needs while there are jobs, since each blocks a stop for 2 s.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Connection } from '../../../src/faktory/connection.ts';
import type { ReplyHandler } from '../../../src/faktory/connection-options.ts';
import type { Reply } from '../../../src/faktory/reply-reader.ts';
import { createFetchLane } from '../../../src/faktory/source/fetch-lane.ts';
import { createFetchSilence } from '../../../src/faktory/source/fetch-silence.ts';
import { createFakeClock } from '../../helpers/fake-clock.ts';

/** A lane that always sends what it may, to a broker that answers one FETCH after another. */
function startLane({ handshakeMs = 0, endsFetches = false }) {
  const clock = createFakeClock();
  const sent: ReplyHandler[] = [];
  const connection: Pick<Connection, 'handshakeMs' | 'isLive' | 'exchange'> = {
    handshakeMs,
    isLive: true,
    exchange: (_line, handler) => void sent.push(handler),
  };
  const lane = createFetchLane({
    connection: connection as Connection,
    fetchLine: () => 'FETCH default',
    clock,
    silence: createFetchSilence({ clock, beatRepliedMs: () => 0 }),
    pollIntervalMs: 0,
    endsFetches: () => endsFetches,
    onJob: () => undefined,
    onChange: pump,
    onRefused: () => undefined,
  });
  function pump(): void {
    while (lane.hasRoom) lane.fetch();
  }
  pump();
  return {
    lane,
    /** Answers the oldest FETCH after a while; returns how many have no reply then. */
    reply(afterMs: number, type: 'bulk' | 'nil' = 'bulk'): number {
      clock.advance(afterMs);
      const reply: Reply = type === 'bulk' ? { type, text: '{}' } : { type: 'nil' };
      sent.shift()?.onReply(reply);
      return lane.outstanding;
    },
  };
}

it('near, two FETCHes are under way while there are jobs', () => {
  const { lane, reply } = startLane({ handshakeMs: 0.4 });
  assert.equal(lane.outstanding, 1);
  for (let job = 0; job < 50; job++) assert.equal(reply(0.2), 2);
});

it('at a distance there are as many as the round trip has milliseconds, ten at most', () => {
  for (const [roundTripMs, fetches] of [
    [2, 2],
    [4.5, 5],
    [100, 10],
  ] as const) {
    assert.equal(startLane({ handshakeMs: roundTripMs }).reply(roundTripMs), fetches, `${roundTripMs} ms`);
  }
});

it('a slow handshake and a job that had to wait a little do not make a near broker a distant one', () => {
  const { reply } = startLane({ handshakeMs: 30 });
  assert.equal(reply(40), 10);
  // Those that were sent meanwhile are answered; none follows before there is one too few.
  for (let job = 0; job < 9; job++) reply(0.2);
  for (let job = 0; job < 20; job++) assert.equal(reply(0.2), 2);
});

it('a broker that ends FETCHes when the worker stops is sent ten, however near', () => {
  assert.equal(startLane({ handshakeMs: 0.4, endsFetches: true }).reply(0.2), 10);
});

it('a FETCH that waited for its job is followed by one, and a nil by none until all are answered', () => {
  const { reply } = startLane({ handshakeMs: 0.4 });
  assert.equal(reply(0.2), 2);
  assert.equal(reply(500), 1);
  assert.equal(reply(0.2), 2);
  assert.equal(reply(2000, 'nil'), 1);
  assert.equal(reply(2000, 'nil'), 1);
  assert.equal(reply(0.2), 2);
});
