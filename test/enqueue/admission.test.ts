import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createAdmission, type AdmissionOptions } from '../../src/enqueue/admission.ts';

const setUp = (options: Partial<AdmissionOptions> = {}) =>
  createAdmission({ pendingJobsMax: 10, pendingBytesMax: 1000, waitMsMax: 1000, ...options });

describe('admission', () => {
  it('refuses what would exceed the limit in jobs, and nothing below it', () => {
    const admission = setUp();
    assert.ok(!admission.refuses(10, 100, 0));
    admission.enter(4, 40);
    assert.ok(!admission.refuses(6, 60, 0));
    assert.ok(admission.refuses(7, 70, 0));
    assert.deepEqual([admission.pendingJobs, admission.pendingBytes], [4, 40]);
  });

  it('refuses what would exceed the limit in bytes, and nothing below it', () => {
    const admission = setUp();
    admission.enter(1, 600);
    assert.ok(!admission.refuses(1, 400, 0));
    assert.ok(admission.refuses(1, 401, 0));
  });

  it('refuses what would wait too long', () => {
    const admission = setUp();
    assert.ok(!admission.refuses(1, 1, 1000));
    assert.ok(admission.refuses(1, 1, 1001));
  });

  it('has room again when jobs leave', () => {
    const admission = setUp();
    admission.enter(10, 1000);
    assert.ok(admission.refuses(1, 1, 0));
    admission.leave(10, 1000);
    assert.ok(!admission.refuses(10, 1000, 0));
  });

  it('counts refused jobs by the limit that they met', () => {
    const admission = setUp();
    admission.refuses(11, 1, 0);
    admission.refuses(2, 1001, 0);
    admission.refuses(3, 1, 1001);
    admission.refuses(5, 1, 0);
    assert.deepEqual(admission.refusals, { pending_jobs: 11, pending_bytes: 2, expected_wait: 3 });
  });
});
