import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createWatchdog } from '../../src/faktory/watchdog.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';

function setUp() {
  const clock = createFakeClock();
  let expiries = 0;
  return { clock, watchdog: createWatchdog(clock, 100, () => expiries++), expiries: () => expiries };
}

describe('the watchdog', () => {
  it('expires once, its time after it was fed', () => {
    const { clock, watchdog, expiries } = setUp();
    watchdog.feed();
    clock.advance(99);
    assert.equal(expiries(), 0);
    clock.advance(1);
    assert.equal(expiries(), 1);
    clock.advance(1000);
    assert.equal(expiries(), 1);
  });

  it('does not expire while it is fed in time', () => {
    const { clock, watchdog, expiries } = setUp();
    for (let i = 0; i < 20; i++) {
      watchdog.feed();
      clock.advance(99);
    }
    assert.equal(expiries(), 0);
    clock.advance(1);
    assert.equal(expiries(), 1);
  });

  it('rests until it is fed again, and then waits its full time', () => {
    const { clock, watchdog, expiries } = setUp();
    watchdog.feed();
    watchdog.rest();
    clock.advance(150);
    watchdog.feed();
    clock.advance(99);
    assert.equal(expiries(), 0);
    clock.advance(1);
    assert.equal(expiries(), 1);
  });

  it('keeps one timer, however often it is fed', () => {
    const { clock, watchdog } = setUp();
    for (let i = 0; i < 1000; i++) watchdog.feed();
    assert.equal(clock.pendingTimers, 1);
  });

  for (const word of ['feed', 'rest'] as const) {
    it(`looks at what has arrived before it expires, after a stall of the event loop: ${word}`, () => {
      const clock = createFakeClock();
      const input: (() => void)[] = [];
      let expiries = 0;
      const watchdog = createWatchdog({ ...clock, soon: (fn) => void input.push(fn) }, 100, () => expiries++);
      watchdog.feed();
      clock.advance(500);
      assert.equal(expiries, 0, 'timers come before sockets in a turn of the loop');
      watchdog[word]();
      for (const fn of input.splice(0)) fn();
      assert.equal(expiries, 0);
      clock.advance(100);
      for (const fn of input.splice(0)) fn();
      assert.equal(expiries, word === 'feed' ? 1 : 0);
    });
  }
});
