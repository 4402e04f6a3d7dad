// The heap of group commit. It is slow only by name: a process of its own holds no garbage of other tests.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { getHeapSpaceStatistics } from 'node:v8';
import { createGroupCommit } from '../../src/enqueue/group-commit.ts';
import { collectGarbage } from '../helpers/collect-garbage.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';
import { createJobs, unlimited } from '../helpers/producer.ts';
import { createFakeSender } from './fake-sender.ts';

const oldBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size as number;

it('settled jobs die young, after a time of rest, too', async () => {
  const clock = createFakeClock();
  const sender = createFakeSender();
  const producer = createGroupCommit({
    sender,
    clock,
    admission: unlimited(),
    frameJobsMax: 100,
    frameBytesMax: 14_000,
    acquireTimeoutMs: 1000,
    lingerMs: 0,
  });
  sender.onChange = producer.onSenderChange;
  const pushBatch = (): void => {
    void producer.pushBulk(createJobs(100), clock.now() + 60_000);
    clock.turn();
  };
  for (let i = 0; i < 4; i++) pushBatch();
  // The objects that live now belong to the old generation.
  for (let i = 0; i < 3; i++) collectGarbage();
  const before = oldBytes();
  let peak = before;
  // 40 MB, of which collections of the young generation, every 1 to 16 MB, leave no more than is in flight.
  for (let i = 0; i < 1000; i++) {
    pushBatch();
    sender.frames.shift()?.reply();
    peak = Math.max(peak, oldBytes());
    if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const grownMiB = (peak - before) / 2 ** 20;
  assert.ok(grownMiB < 5, `the old generation grew by ${grownMiB.toFixed(1)} MiB`);
});
