// How long a job would wait, from how fast jobs leave while others are left behind.
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
    /** Frames of `jobs` every `ms`, `times` over. */
    frames(jobs: number, ms: number, times: number, isSaturated: boolean) {
      for (let index = 0; index < times; index++) {
        nowMs += ms;
        rate.left(jobs, isSaturated);
      }
    },
  };
}

describe('the drain rate', () => {
  it('expects no wait before it has seen jobs left behind', () => {
    const { rate, frames } = setUp();
    assert.equal(rate.waitMs(1_000_000), 0);
    frames(1, 100, 50, false);
    assert.equal(rate.waitMs(1_000_000), 0);
  });

  it('divides what waits by the rate of a saturated path', () => {
    const { rate, frames } = setUp();
    frames(50, 100, 20, true); // 500 jobs per second
    assert.ok(Math.abs(rate.waitMs(1200) - 2400) < 1);
  });

  it('follows a path that becomes faster within a window', () => {
    const { rate, frames } = setUp();
    frames(50, 100, 20, true);
    frames(500, 100, 4, true);
    assert.ok(rate.waitMs(1200) < 700);
  });

  it('forgets a figure that is no longer measured', () => {
    const { rate, frames, pass } = setUp();
    frames(50, 100, 20, true);
    pass(5001);
    assert.equal(rate.waitMs(1200), 0);
  });

  it('does not count the idle time before a flood', () => {
    const { rate, frames, pass } = setUp();
    frames(1, 100, 5, false);
    pass(3000);
    frames(50, 100, 4, true);
    assert.ok(Math.abs(rate.waitMs(1200) - 2400) < 1);
  });
});
