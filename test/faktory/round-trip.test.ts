import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRoundTrip } from '../../src/faktory/round-trip.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';

describe('the round trip', () => {
  it('is 0 before anything was seen', () => {
    assert.equal(createRoundTrip(createFakeClock()).ms, 0);
  });

  it('is the least that was seen, whatever the broker needed for its work', () => {
    const roundTrip = createRoundTrip(createFakeClock());
    for (const ms of [30, 12, 500, 80]) roundTrip.observe(ms);
    assert.equal(roundTrip.ms, 12);
  });

  it('believes a shorter path at once, and a longer one within 20 s', () => {
    const clock = createFakeClock();
    const roundTrip = createRoundTrip(clock);
    roundTrip.observe(10);
    for (let second = 0; second < 9; second++, clock.advance(1000)) roundTrip.observe(100);
    assert.equal(roundTrip.ms, 10);
    for (let second = 0; second < 12; second++, clock.advance(1000)) roundTrip.observe(100);
    assert.equal(roundTrip.ms, 100);
    roundTrip.observe(5);
    assert.equal(roundTrip.ms, 5);
  });
});
