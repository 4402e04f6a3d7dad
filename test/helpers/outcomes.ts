// The two promises about one job, held against what a broker saw: no false yes, no false no. And whether callers learn the reason.
import assert from 'node:assert/strict';
import type { Job } from '../../src/domain/job.ts';
import type { Outcome } from '../../src/domain/producer.ts';
import { cut } from '../../src/http/problems/caller-text.ts';

/** @param seen jids of the complete lines that reached the broker */
export function assertTrueOutcomes(
  jobs: readonly Job[],
  outcomes: readonly Outcome[],
  seen: ReadonlySet<string>,
  what = 'a job',
): void {
  assert.equal(outcomes.length, jobs.length, what);
  for (const [index, { jid }] of jobs.entries()) {
    const outcome = outcomes[index] as Outcome;
    if (outcome.kind === 'enqueued') assert.ok(seen.has(jid), `${what}: enqueued, and never seen by the broker`);
    // A broker that turned the job down has seen it, and says so.
    if (outcome.kind === 'refused' && outcome.code !== 'broker_refused') {
      assert.ok(!seen.has(jid), `${what}: refused (${outcome.detail}), and seen by the broker`);
    }
  }
}

/** The detail of a response is cut: the reason must not be behind the cut, with the longest times either. */
export function assertFitsDetail(reason: unknown): void {
  const detail = `the broker is away: ${(reason as Error).message.replace(/\d+ ms/, '60000 ms')}`;
  assert.equal(cut(detail), detail);
}
