// The two promises about one job, held against what a broker saw: no false yes, no false no.
import assert from 'node:assert/strict';
import type { Job } from '../../src/domain/job.ts';
import type { Fate } from '../../src/domain/producer.ts';

/** @param seen jids of the complete lines that reached the broker */
export function assertTrueFates(
  jobs: readonly Job[],
  fates: readonly Fate[],
  seen: ReadonlySet<string>,
  what = 'a job',
): void {
  assert.equal(fates.length, jobs.length, what);
  for (const [index, { jid }] of jobs.entries()) {
    const fate = fates[index] as Fate;
    if (fate.outcome === 'enqueued') assert.ok(seen.has(jid), `${what}: enqueued, and never seen by the broker`);
    // A broker that turned the job down has seen it, and says so.
    if (fate.outcome === 'refused' && fate.code !== 'broker_refused') {
      assert.ok(!seen.has(jid), `${what}: refused (${fate.detail}), and seen by the broker`);
    }
  }
}
