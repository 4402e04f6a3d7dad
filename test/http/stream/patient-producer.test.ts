// A stream waits for room, and for nothing else.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refused, type Outcome } from '../../../src/domain/producer.ts';
import { createPatientProducer } from '../../../src/http/stream/patient-producer.ts';
import { createFakeClock } from '../../helpers/fake-clock.ts';
import { createArithmeticJob } from '../../helpers/jobs.ts';
import { createRecordingProducer } from '../../helpers/recording-producer.ts';

const overloaded = refused('overloaded', 'too much work');

function setUp() {
  const clock = createFakeClock(0);
  const next = createRecordingProducer();
  const draining = new AbortController();
  const producer = createPatientProducer({ next, clock, draining: draining.signal });
  const jobs = [createArithmeticJob('add', { a: 1, b: 2 })];
  return { clock, next, draining, push: () => producer.pushBulk(jobs, 20_000) };
}

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};

describe('a patient producer', () => {
  it('tries again until there is room', async () => {
    const { clock, next, push } = setUp();
    let tries = 0;
    next.decide((): Outcome => (++tries < 4 ? overloaded : { kind: 'enqueued' }));
    const pushed = push();
    for (let round = 0; round < 3; round++) {
      await settled();
      clock.advance(100);
    }
    assert.deepEqual(await pushed, [{ kind: 'enqueued' }]);
    assert.equal(tries, 4);
  });

  it('waits for half the time, and says then what it was told', async () => {
    const { clock, next, push } = setUp();
    next.decide(() => overloaded);
    const pushed = push();
    for (let round = 0; round < 150; round++) {
      await settled();
      clock.advance(100);
    }
    assert.deepEqual(await pushed, [overloaded]);
    // Every 100 ms of 10 s, the beginning and the end included.
    assert.equal(next.calls.length, 101);
  });

  it('does not wait for a broker that is away, nor while the process drains', async () => {
    const { next, draining, push } = setUp();
    const away = refused('broker_unavailable', 'the broker is away');
    next.decide(() => away);
    assert.deepEqual(await push(), [away]);
    next.decide(() => overloaded);
    draining.abort();
    assert.deepEqual(await push(), [overloaded]);
    assert.equal(next.calls.length, 2);
  });
});
