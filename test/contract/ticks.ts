// What schedules rely on in the store of last ticks, whichever it is.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { LastTick, TickStore } from '../../src/domain/cron.ts';

const tick = (atMs: number, outcome: LastTick['outcome'] = 'enqueued', jobId = `job-${atMs}`): LastTick => ({
  ...{ atMs, outcome, jobId },
  ...{ pattern: '0 3 * * *', timeZone: 'Europe/Berlin' },
});

export function tickStoreContract(name: string, open: (t: TestContext) => Promise<TickStore>, skip = false): void {
  describe(`the store of last ticks, ${name}`, { skip }, () => {
    it('gives back what it was told last of each schedule', async (t) => {
      const ticks = await open(t);
      assert.deepEqual(await ticks.last(['a', 'b']), [undefined, undefined]);
      await ticks.keep('a', tick(1000));
      await ticks.keep('b:late', tick(2000, 'unknown'));
      await ticks.keep('a', tick(3000));
      assert.deepEqual(await ticks.last(['b:late', 'c', 'a']), [tick(2000, 'unknown'), undefined, tick(3000)]);
    });

    it('keeps the latest tick, whatever the order in which it is told', async (t) => {
      const ticks = await open(t);
      await ticks.keep('a', tick(3000));
      await ticks.keep('a', tick(1000));
      assert.deepEqual(await ticks.last(['a']), [tick(3000)]);
    });

    it('keeps of one tick that it is enqueued, and by the job that was told first', async (t) => {
      const ticks = await open(t);
      await ticks.keep('a', tick(1000, 'unknown', 'first'));
      await ticks.keep('a', tick(1000, 'enqueued', 'first'));
      await ticks.keep('a', tick(1000, 'unknown', 'other'));
      await ticks.keep('a', tick(1000, 'enqueued', 'other'));
      assert.deepEqual(await ticks.last(['a']), [tick(1000, 'enqueued', 'first')]);
    });
  });
}
