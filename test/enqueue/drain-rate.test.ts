// How fast the broker works off jobs, from its replies while it has more than enough to do.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '../../src/domain/clock.ts';
import { createDrainRate } from '../../src/enqueue/drain-rate.ts';

function setUp() {
  let nowMs = 1000;
  const clock: Clock = { now: () => nowMs, after: () => ({ cancel: () => undefined }), soon: () => undefined };
  const rate = createDrainRate(clock);
  return {
    rate,
    pass: (ms: number) => (nowMs += ms),
    /** Replies for `jobs` every `ms`, `times` over. */
    replies(jobs: number, ms: number, times: number, isSaturated = true) {
      for (let index = 0; index < times; index++) {
        nowMs += ms;
        rate.replied(jobs, isSaturated);
      }
    },
  };
}

const isNear = (actual: number, expected: number): boolean => Math.abs(actual - expected) < 1;

describe('the drain rate', () => {
  it('expects no wait before the broker had enough to do', () => {
    const { rate, replies } = setUp();
    assert.equal(rate.waitMs(1_000_000), 0);
    replies(1, 100, 50, false);
    assert.equal(rate.waitMs(1_000_000), 0);
  });

  it('divides what waits by the rate of a busy broker', () => {
    const { rate, replies } = setUp();
    replies(50, 100, 20); // 500 jobs per second
    assert.ok(isNear(rate.waitMs(1200), 2400));
  });

  it('knows it a tenth of a second after the first reply of a flood', () => {
    const { rate, replies } = setUp();
    replies(10, 20, 6);
    assert.ok(isNear(rate.waitMs(1200), 2400));
  });

  it('is right about replies that come in bunches, a long round trip apart', () => {
    const { rate, replies, pass } = setUp();
    for (let bunch = 0; bunch < 3; bunch++) {
      pass(500);
      replies(100, 0, 20); // 4 jobs per millisecond
    }
    assert.ok(isNear(rate.waitMs(4000), 1000));
  });

  it('forgets a pause of the broker as soon as nothing is left behind', () => {
    const { rate, replies, pass } = setUp();
    replies(5, 100, 50);
    pass(4000);
    replies(2, 10, 5);
    assert.ok(rate.waitMs(100) > 1000, 'as long as it has not caught up');
    replies(1, 10, 50, false);
    assert.equal(rate.waitMs(100), 0);
  });

  it('takes a burst after a pause for neither', () => {
    const { rate, replies } = setUp();
    replies(50, 100, 20);
    replies(50, 500, 1);
    replies(50, 0, 4);
    replies(50, 100, 1);
    assert.ok(rate.waitMs(1200) > 2400);
    replies(50, 100, 1);
    assert.ok(isNear(rate.waitMs(1200), 2400));
  });

  it('follows a path that becomes faster within two windows', () => {
    const { rate, replies } = setUp();
    replies(50, 100, 20);
    replies(500, 100, 2);
    assert.ok(isNear(rate.waitMs(1200), 240));
  });

  it('forgets a figure that is no longer measured', () => {
    const { rate, replies, pass } = setUp();
    replies(50, 100, 20);
    pass(5001);
    assert.equal(rate.waitMs(1200), 0);
  });

  it('does not count the idle time before a flood', () => {
    const { rate, replies, pass } = setUp();
    replies(1, 100, 5, false);
    pass(3000);
    replies(50, 100, 4);
    assert.ok(isNear(rate.waitMs(1200), 2400));
  });
});
