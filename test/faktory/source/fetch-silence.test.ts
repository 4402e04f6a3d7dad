// When no FETCH has got a reply for so long that the source says so.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFetchSilence } from '../../../src/faktory/source/fetch-silence.ts';
import { createFakeClock } from '../../helpers/fake-clock.ts';

function setUp() {
  const clock = createFakeClock();
  let beatMs = -Infinity;
  const silence = createFetchSilence({ clock, beatRepliedMs: () => beatMs });
  return {
    silence,
    /** The text of the problem after so many seconds. */
    after(seconds: number): string | undefined {
      clock.advance(seconds * 1000);
      return silence.problem?.message;
    },
    beat: () => void (beatMs = clock.now()),
  };
}

describe('the silence of FETCHes', () => {
  it('is told after 15 s without a reply, and over with a job or a nil', () => {
    const { silence, after } = setUp();
    silence.sent();
    assert.equal(after(14.9), undefined);
    assert.equal(after(19.1), 'it replies to no FETCH for 34 s');
    silence.ended('replied');
    assert.equal(after(100), undefined);
  });

  it('goes on with every FETCH that is lost or answered with an error', () => {
    const { silence, after, beat } = setUp();
    for (let round = 0; round < 5; round++) {
      silence.sent();
      after(3);
      beat();
      silence.ended(round < 4 ? 'lost' : { error: 'ERR i/o timeout' });
    }
    assert.equal(
      after(1),
      'it replies to BEAT, but has replied to every FETCH for 16 s with an error: its Redis hangs',
    );
    silence.sent();
    silence.ended({ error: "ERR OOM command not allowed when used memory > 'maxmemory'." });
    assert.equal(
      after(0),
      'it replies to BEAT, but has replied to every FETCH for 16 s with an error: its memory is full (OOM)',
    );
  });

  it('asks whether its Redis hangs when BEATs are answered meanwhile', () => {
    const { silence, after, beat } = setUp();
    beat();
    after(1);
    silence.sent();
    assert.equal(after(20), 'it replies to no FETCH for 20 s');
    beat();
    assert.equal(after(0), 'it replies to BEAT, but no FETCH for 20 s: its Redis hangs?');
  });

  it('is none while no FETCH is wanted, and is counted from the last reply of another', () => {
    const { silence, after } = setUp();
    silence.sent();
    silence.sent();
    silence.rest();
    assert.equal(after(20), 'it replies to no FETCH for 20 s');
    silence.ended('replied');
    assert.equal(after(10), undefined);
    silence.ended('lost');
    silence.rest();
    assert.equal(after(20), undefined);
  });
});
