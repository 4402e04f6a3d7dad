// Items that Redis did not take: kept up to a limit, sent again, and never over a later item of the same name.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Redis } from 'ioredis';
import { Outbox } from '../../src/results/outbox.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';

interface Item {
  name: string;
  value: number;
}

/** Lets the promises of a retry settle. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(itemsMax = 1000) {
  const sent: string[] = [];
  const events: string[] = [];
  const redis: { status: Redis['status'] } = { status: 'ready' };
  const store = { refuses: false };
  const clock = createFakeClock();
  const outbox = new Outbox<Item>({
    send(items) {
      sent.push(items.map(({ name, value }) => `${name}${value}`).join(' '));
      return store.refuses ? Promise.reject(new Error('OOM')) : Promise.resolve();
    },
    nameOf: ({ name }) => name,
    itemsMax,
    redis,
    outage: { began: ({ message }) => void events.push(message), ended: () => void events.push('ended') },
    clock,
  });
  return { outbox, sent, events, redis, store, clock };
}

it('has an item until Redis has taken it', async () => {
  const { outbox, sent } = setUp();
  const item = { name: 'a', value: 1 };
  const sending = outbox.send([item]);
  assert.equal(outbox.get('a'), item);
  await sending;
  assert.equal(outbox.get('a'), undefined);
  assert.deepEqual(sent, ['a1']);
});

it('sends items again each second until Redis takes them, at most 500 in a command', async () => {
  const { outbox, sent, events, store, clock } = setUp();
  store.refuses = true;
  await outbox.send(Array.from({ length: 501 }, (_, value) => ({ name: `n${value}:`, value })));
  clock.advance(1000);
  await settled();
  assert.equal(sent.length, 2, 'a group that was refused ends the round');
  store.refuses = false;
  clock.advance(1000);
  await settled();
  assert.deepEqual(
    sent.map((text) => text.split(' ').length),
    [501, 500, 500, 1],
  );
  assert.deepEqual(events, ['OOM', 'OOM', 'ended']);
  assert.equal(outbox.get('n0:'), undefined);
  assert.equal(clock.pendingTimers, 0);
});

it('sends nothing without a connection, and everything once there is one', async () => {
  const { outbox, sent, redis, clock } = setUp();
  redis.status = 'reconnecting';
  await outbox.send([{ name: 'a', value: 1 }]);
  clock.advance(5000);
  await settled();
  assert.deepEqual(sent, []);
  redis.status = 'ready';
  clock.advance(1000);
  await settled();
  assert.deepEqual(sent, ['a1']);
});

it('sends the later of two items of one name only', async () => {
  const { outbox, sent, store, clock } = setUp();
  store.refuses = true;
  const first = outbox.send([{ name: 'a', value: 1 }]);
  store.refuses = false;
  await Promise.all([first, outbox.send([{ name: 'a', value: 2 }])]);
  clock.advance(5000);
  await settled();
  assert.deepEqual(sent, ['a1', 'a2']);
});

it('forgets the oldest items beyond its limit', async () => {
  const { outbox, sent, store, clock } = setUp(2);
  store.refuses = true;
  for (const name of ['a', 'b', 'c']) await outbox.send([{ name, value: 0 }]);
  assert.equal(outbox.get('a'), undefined);
  store.refuses = false;
  sent.length = 0;
  clock.advance(1000);
  await settled();
  assert.deepEqual(sent, ['b0 c0']);
});

it('sends nothing more once it is closed', async () => {
  const { outbox, sent, store, clock } = setUp();
  store.refuses = true;
  await outbox.send([{ name: 'a', value: 1 }]);
  outbox.close();
  clock.advance(5000);
  await settled();
  assert.deepEqual(sent, ['a1']);
});
