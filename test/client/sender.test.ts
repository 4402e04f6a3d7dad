// The pause before an attempt is repeated. Requests: enqueue.test.ts, job.test.ts.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSender } from '../../src/client/sender.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';

function start() {
  const clock = createFakeClock(0);
  const sender = createSender({
    url: 'http://127.0.0.1:3000',
    apiKey: undefined,
    signal: undefined,
    fetch: () => assert.fail('nothing is sent'),
    surroundings: { now: clock.now, after: clock.after, random: () => 0.5 },
    attemptTimeoutMs: 1000,
    waitsForService: false,
  });
  return { clock, sender };
}

describe('the pause before a repeated attempt', () => {
  it('is left out where it would leave less than 50 ms', async () => {
    const { clock, sender } = start();
    assert.equal(await sender.pauseToRepeat(100, 149), false);
    assert.equal(clock.pendingTimers, 0);
  });

  it('allows an attempt that has 50 ms, and none after a late timer', async () => {
    for (const [lateMs, mayRepeat] of [
      [0, true],
      [1, false],
    ] as const) {
      const { clock, sender } = start();
      const pausing = sender.pauseToRepeat(100, 150);
      clock.jump(100 + lateMs);
      assert.equal(await pausing, mayRepeat, `${lateMs} ms late`);
    }
  });
});
