import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job } from '../../src/domain/job.ts';
import { enqueued, type Outcome, type JobProducer } from '../../src/domain/producer.ts';
import { createAdmission, type AdmissionOptions } from '../../src/enqueue/admission.ts';
import { createJobs } from '../helpers/producer.ts';

const [{ encodedBytes }] = createJobs(1) as [Job];

function setUp(options: Partial<AdmissionOptions> = {}) {
  const held: (() => void)[] = [];
  const hold = <T>(outcome: T): Promise<T> => new Promise((resolve) => held.push(() => resolve(outcome)));
  const calls: string[] = [];
  const next: JobProducer = {
    push: () => hold(enqueued),
    pushBulk: (jobs) => hold(jobs.map(() => enqueued)),
    ping: async () => void calls.push('ping'),
    close: async () => void calls.push('close'),
  };
  const admission = createAdmission({
    next,
    pendingJobsMax: 10,
    pendingBytesMax: Infinity,
    expectedWaitMs: () => 0,
    waitMsMax: 1000,
    ...options,
  });
  return { admission, held, calls };
}

const isOverload = (outcome: Outcome | undefined): boolean =>
  outcome?.kind === 'refused' && outcome.code === 'overloaded';

describe('admission', () => {
  it('admits jobs up to the limit and refuses the next one at once', async () => {
    const { admission, held } = setUp();
    for (const job of createJobs(10)) void admission.push(job, 0);
    assert.equal(held.length, 10);
    assert.equal(admission.pendingJobs, 10);
    const [job] = createJobs(1) as [Job];
    assert.ok(isOverload(await admission.push(job, 0)));
    assert.equal(held.length, 10, 'nothing of it went on');
    assert.equal(admission.pendingJobs, 10);
  });

  it('admits a batch that fits exactly, and refuses as a whole one that is a job too large', async () => {
    const { admission, held } = setUp();
    void admission.pushBulk(createJobs(4), 0);
    const outcomes = await admission.pushBulk(createJobs(7), 0);
    assert.equal(outcomes.length, 7);
    assert.ok(outcomes.every(isOverload));
    void admission.pushBulk(createJobs(6), 0);
    assert.equal(held.length, 2);
    assert.equal(admission.pendingJobs, 10);
  });

  it('keeps the same bound in bytes', async () => {
    const { admission, held } = setUp({ pendingBytesMax: 3 * encodedBytes });
    for (const job of createJobs(3)) void admission.push(job, 0);
    assert.equal(admission.pendingBytes, 3 * encodedBytes);
    assert.ok(isOverload(await admission.push((createJobs(1) as [Job])[0], 0)));
    assert.ok((await admission.pushBulk(createJobs(1), 0)).every(isOverload));
    assert.equal(held.length, 3);
    const tight = setUp({ pendingBytesMax: 3 * encodedBytes - 1 });
    for (const job of createJobs(3)) void tight.admission.push(job, 0);
    assert.equal(tight.held.length, 2, 'one byte short of three');
  });

  it('has room again when jobs are answered', async () => {
    const { admission, held } = setUp();
    const batch = admission.pushBulk(createJobs(8), 0);
    const singles = createJobs(2).map((job) => admission.push(job, 0));
    for (const answer of held.splice(0)) answer();
    assert.equal((await batch).length, 8);
    await Promise.all(singles);
    assert.deepEqual([admission.pendingJobs, admission.pendingBytes], [0, 0]);
    void admission.pushBulk(createJobs(10), 0);
    assert.equal(held.length, 1);
  });

  it('refuses what would wait too long, and admits it again when the wait is shorter', async () => {
    let waitMs = 1001;
    const { admission, held } = setUp({ expectedWaitMs: () => waitMs });
    assert.ok(isOverload(await admission.push((createJobs(1) as [Job])[0], 0)));
    assert.ok((await admission.pushBulk(createJobs(2), 0)).every(isOverload));
    assert.equal(admission.pendingJobs, 0);
    waitMs = 1000;
    void admission.push((createJobs(1) as [Job])[0], 0);
    assert.equal(held.length, 1);
  });

  it('hands ping and close on', async () => {
    const { admission, calls } = setUp();
    await admission.ping();
    await admission.close();
    assert.deepEqual(calls, ['ping', 'close']);
  });
});
