// Bytes in, bytes out: however the network cuts them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { it } from 'node:test';
import fc from 'fast-check';
import { createLineReader } from '../../src/broker/protocol/line-reader.ts';
import { bulk, error } from '../../src/broker/protocol/replies.ts';
import { startBroker } from '../helpers/broker.ts';
import { createFakeClock } from './fake-clock.ts';

/** The pieces of `bytes` between the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [0, ...[...places].sort((one, other) => one - other), bytes.length];
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
}

it('lines are the same however they are cut, and nothing stays counted', () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.replace(/[\r\n]/g, ' '));
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(400)), fc.boolean(), (lines, places, crlf) => {
      const budget = { used: 0, max: 1e9 };
      const reader = createLineReader(1000, budget);
      const bytes = Buffer.from(lines.map((one) => one + (crlf ? '\r\n' : '\n')).join(''));
      const seen: string[] = [];
      for (const piece of cut(
        bytes,
        places.map((place) => Math.min(place, bytes.length)),
      )) {
        reader.push(piece);
        for (let next = reader.next(); next; next = reader.next()) seen.push(next.toString());
      }
      assert.deepEqual(seen, lines);
      assert.deepEqual([reader.bytes(), budget.used], [0, 0]);
    }),
  );
});

it('a line sent byte by byte is joined', () => {
  const reader = createLineReader(100_000, { used: 0, max: 1e9 });
  for (let index = 0; index < 5000; index++) reader.push(Buffer.from('x'));
  assert.equal(reader.next(), undefined);
  reader.push(Buffer.from('\n'));
  assert.equal(reader.next()?.length, 5000);
});

it('replies are one line or a length in bytes', () => {
  assert.equal(bulk('é'), '$2\r\né\r\n');
  assert.equal(error('a\r\nb\nc'), '-ERR a b c\r\n');
});

const job = (jid: string, fields = {}) => JSON.stringify({ jid, jobtype: 't', args: ['é'], ...fields });
const script = Buffer.from(
  [
    'HELLO {"v":2,"wid":"w"}',
    `PUSH ${job('job-00001')}`,
    `PUSHB [${job('job-00002')},${job('short')},${job('job-00003')}]`,
    'FETCH other default',
    'nonsense',
    'FETCH default',
    'ACK {"jid":"job-00001"}',
    'BEAT {"wid":"w"}',
    'FAIL {"jid":"job-00002"}',
    'FAIL {"jid":"job-00002"}',
    'QUEUE LATENCY default',
    'END',
    '',
  ].join('\r\n'),
);

it('any split of the bytes gives the same replies', async (t) => {
  async function repliesTo(pieces: readonly Buffer[]): Promise<string> {
    const broker = await startBroker(t, { clock: createFakeClock(), random: () => 0 });
    const socket = connect({ port: broker.port, host: '127.0.0.1', noDelay: true });
    let text = '';
    socket.on('data', (bytes: Buffer) => (text += bytes.toString()));
    const closed = once(socket, 'close');
    for (const piece of pieces) {
      // The callback says that the kernel has the piece: the next one is a packet of its own.
      if (piece.length > 0) await new Promise((resolve) => socket.write(piece, resolve));
    }
    await closed;
    await broker.close();
    return text;
  }

  const expected = await repliesTo([script]);
  assert.match(expected, /"short":"jobs must have a reasonable jid/);
  assert.match(expected, /Job not found job-00002/);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(script.length), { maxLength: 30 }), async (places) => {
      assert.equal(await repliesTo(cut(script, places)), expected);
    }),
    { numRuns: 60 },
  );
});
