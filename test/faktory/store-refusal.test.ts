// A broker whose Redis is full answers INFO and HELLO: only what was pushed shows it.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { enqueued, refused, unknown } from '../../src/domain/producer.ts';
import { createStoreRefusal } from '../../src/faktory/store-refusal.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';

const full = refused('broker_refused', "OOM command not allowed when used memory > 'maxmemory'.");
const badQueue = refused('broker_refused', 'queue names must match');

it('is known from a refusal of the Redis until a job is stored', () => {
  const refusal = createStoreRefusal(createFakeClock());
  for (const outcome of [enqueued, badQueue, unknown('context deadline exceeded')]) refusal.see([outcome]);
  assert.equal(refusal.reason, undefined);
  refusal.see([badQueue, full]);
  refusal.see([badQueue]);
  assert.match(String(refusal.reason), /^Error: OOM/);
  refusal.see([badQueue, enqueued]);
  assert.equal(refusal.reason, undefined);
  refusal.see([enqueued, full]);
  assert.match(String(refusal.reason), /^Error: OOM/);
});

it('is forgotten when nothing has been pushed for two minutes', () => {
  const clock = createFakeClock();
  const refusal = createStoreRefusal(clock);
  refusal.see([full]);
  clock.advance(119_999);
  assert.notEqual(refusal.reason, undefined);
  clock.advance(1);
  assert.equal(refusal.reason, undefined);
});
