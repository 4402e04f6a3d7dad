import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createJob } from '../../src/domain/job.ts';
import { enqueued, refused, unknown, type Fate, type JobProducer } from '../../src/domain/producer.ts';
import { createMeasured } from '../../src/enqueue/measured.ts';

describe('measured', () => {
  it('counts every job by operation and outcome, and hands the fates on as they are', async () => {
    const fates: Fate[] = [enqueued, refused('overloaded', 'x'), enqueued, unknown('y'), enqueued];
    const calls: string[] = [];
    const next: JobProducer = {
      push: async () => enqueued,
      pushBulk: async () => fates,
      ping: async () => void calls.push('ping'),
      close: async () => void calls.push('close'),
    };
    const counts = new Map<string, number>();
    const measured = createMeasured({
      next,
      count: (operation, outcome, jobs) => {
        const key = `${operation} ${outcome}`;
        counts.set(key, (counts.get(key) ?? 0) + jobs);
      },
    });
    const args = { a: 1, b: 2 };
    const jobs = (['add', 'add', 'divide', 'divide', 'add'] as const).map((operation) => createJob(operation, args));
    assert.equal(await measured.pushBulk(jobs, 0), fates);
    assert.equal(await measured.push(createJob('add', args), 0), enqueued);
    assert.deepEqual(Object.fromEntries(counts), {
      'add enqueued': 3,
      'add refused': 1,
      'divide enqueued': 1,
      'divide unknown': 1,
    });
    await measured.ping();
    await measured.close();
    assert.deepEqual(calls, ['ping', 'close']);
  });
});
