import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLeast } from '../../src/faktory/least.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';

describe('the least', () => {
  it('is 0 before anything was seen', () => {
    assert.equal(createLeast(createFakeClock()).value, 0);
  });

  it('is the least that was seen, whatever the broker needed for its work', () => {
    const least = createLeast(createFakeClock());
    for (const ms of [30, 12, 500, 80]) least.observe(ms);
    assert.equal(least.value, 12);
  });

  it('believes a shorter path at once, and a longer one within 20 s', () => {
    const clock = createFakeClock();
    const least = createLeast(clock);
    least.observe(10);
    for (let second = 0; second < 9; second++, clock.advance(1000)) least.observe(100);
    assert.equal(least.value, 10);
    for (let second = 0; second < 12; second++, clock.advance(1000)) least.observe(100);
    assert.equal(least.value, 100);
    least.observe(5);
    assert.equal(least.value, 5);
  });
});
