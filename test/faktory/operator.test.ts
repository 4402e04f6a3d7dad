// What an operator is told when the broker gives no list of its queues: the reason, and within 2 s.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { OwnCause } from '../../src/domain/cause.ts';
import { createFaktoryOperator, type FaktoryOperatorOptions } from '../../src/faktory/operator.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';
import { fwpTarget } from '../helpers/operator-targets.ts';
import { startFaktory } from '../helpers/real-faktory.ts';
import { faktoryPath } from '../helpers/real-parts.ts';

function setUp(info: () => Promise<never>) {
  const clock = createFakeClock();
  const client = { info, send: info, live: [], downReason: undefined as Error | undefined, isEmbedded: false };
  const open = (): never => assert.fail('no connection is opened');
  const options: FaktoryOperatorOptions = { client, address: { host: 'broker' }, open, clock, timeoutMs: 10_000 };
  return { clock, client, operator: createFaktoryOperator(options) };
}

const textOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'none',
    (error: unknown) => (error as Error).message,
  );

describe('a look at the queues of a broker', () => {
  for (const [reply, reason] of [
    ["OOM command not allowed when used memory > 'maxmemory'.", 'its memory is full (OOM)'],
    ['context deadline exceeded', 'its Redis hangs'],
    ['something else', 'it gave no clear reply'],
  ] as const)
    it(`that replies ${reply}: ${reason}`, async () => {
      const { operator } = setUp(() => Promise.reject(new Error(reply)));
      const expected = `The broker cannot be used: ${reason}`;
      assert.equal(await textOf(operator.queues()), expected);
      assert.equal(await textOf(operator.setPaused('default', true)), expected);
    });

  it('ends after 2 s, with what is known by then', async () => {
    const { clock, client, operator } = setUp(() => new Promise<never>(() => undefined));
    const first = textOf(operator.queues());
    clock.advance(2000);
    assert.equal(await first, 'The broker cannot be used: it did not answer within 2000 ms');
    const second = textOf(operator.setPaused('default', true));
    client.downReason = new OwnCause('its process hangs');
    clock.advance(2000);
    assert.equal(await second, 'The broker cannot be used: its process hangs');
  });

  it('names a full Redis of a real Faktory', { skip: faktoryPath() === undefined }, async (t) => {
    const faktory = await startFaktory(t);
    const { get } = await fwpTarget(t, faktory.port);
    const redis = new Redis(join(faktory.dir, 'redis.sock'));
    redis.on('error', () => undefined);
    t.after(() => redis.disconnect());
    await redis.config('SET', 'maxmemory', '1mb');
    const response = await get('/queues');
    assert.equal(response.statusCode, 503);
    assert.equal(response.json<{ detail: string }>().detail, 'The broker cannot be used: its memory is full (OOM)');
  });
});
