// One reading of the broker for all who look.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createBrokerPoll } from '../../src/roles/broker-poll.ts';
import type { BrokerState } from '../../src/domain/broker-state.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';

const stateWith = (dead: number): BrokerState => ({
  queues: [],
  scheduled: 0,
  retries: 0,
  dead,
  working: 0,
  processed: 0,
  failures: 0,
});

describe('the poll of the broker', () => {
  it('asks once for all who look within a second', async () => {
    const clock = createFakeClock();
    let reads = 0;
    const poll = createBrokerPoll(clock, () => Promise.resolve(stateWith(++reads)));
    const looks = await Promise.all([poll.look(), poll.look(), poll.look()]);
    assert.deepEqual(looks, [stateWith(1), stateWith(1), stateWith(1)]);
    clock.advance(999);
    assert.deepEqual(await poll.look(), stateWith(1));
    clock.advance(1);
    assert.deepEqual(await poll.look(), stateWith(2));
    assert.equal(clock.pendingTimers, 0);
  });

  it('lets nobody wait longer than half a second, and does not ask again meanwhile', async () => {
    const clock = createFakeClock();
    let reads = 0;
    let reply: (state: BrokerState) => void = () => undefined;
    const poll = createBrokerPoll(clock, () => {
      reads++;
      return new Promise((resolve) => (reply = resolve));
    });
    const [first, second] = [poll.look(), poll.look()];
    clock.advance(500);
    assert.deepEqual(await Promise.all([first, second]), [undefined, undefined]);
    const third = poll.look();
    reply(stateWith(3));
    assert.deepEqual(await third, stateWith(3));
    assert.equal(reads, 1);
    clock.advance(29_000);
    const slow = poll.look();
    clock.advance(500);
    assert.deepEqual(await slow, stateWith(3), 'what it said last');
    clock.advance(500);
    const later = poll.look();
    clock.advance(500);
    assert.equal(await later, undefined, 'that is too long ago');
    assert.equal(reads, 2);
  });

  it('says nothing when the broker does not, and asks again after a second', async () => {
    const clock = createFakeClock();
    let isAway = true;
    const poll = createBrokerPoll(clock, () =>
      isAway ? Promise.reject(new Error('away')) : Promise.resolve(stateWith(0)),
    );
    assert.equal(await poll.look(), undefined);
    isAway = false;
    clock.advance(1000);
    assert.deepEqual(await poll.look(), stateWith(0));
  });
});
