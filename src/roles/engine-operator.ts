// The operator routes' access to a broker in this process.
import type { Engine } from '../broker/engine.ts';
import type { Mutations } from '../broker/queues/mutations.ts';
import type { JobFailure, FaktoryJob } from '../broker/queues/job.ts';
import { listJobs } from '../broker/queues/listing.ts';
import type { TimedJob, TimedPlace } from '../broker/queues/job-set.ts';
import { stored } from '../broker/storage/stored.ts';
import { OperatorError, type Operator, type SetAction, type SetJob, type SetName } from '../domain/operator.ts';

const commands = { retry: 'requeue', discard: 'discard', kill: 'kill' } as const satisfies Record<SetAction, string>;

const unclear = (cause: unknown): OperatorError =>
  new OperatorError('unknown', 'The store of the broker failed: a part may be done', { cause });

export function createEngineOperator(engine: Engine, mutations: Pick<Mutations, 'change'>): Operator {
  function refuseBroken(): void {
    const refusal = engine.refusal();
    if (refusal !== undefined) throw new OperatorError('away', refusal);
  }

  return {
    async queues() {
      refuseBroken();
      return [...engine.state().queues.values()].map((queue) => ({
        name: queue.name,
        depth: queue.size(),
        latencySeconds: queue.latencyMs() / 1000,
        isPaused: queue.isPaused(),
      }));
    },
    async setPaused(name, isPaused) {
      refuseBroken();
      const queue = engine.state().queues.get(name);
      if (!queue) return false;
      queue.setPaused(isPaused);
      engine.handOut.toWaiters(queue);
      await stored(engine.ledger).catch((cause: unknown) => {
        throw unclear(cause);
      });
      return true;
    },
    async page({ set: name, limit, cursor, jobtype }) {
      refuseBroken();
      const set = engine.state()[name];
      const from = cursor === undefined ? undefined : placeIn(cursor);
      const { jobs, next } = await listJobs(set, { limit, from, jobtype }).catch((cause: unknown) => {
        throw new OperatorError('away', 'The store of the broker did not answer', { cause });
      });
      return {
        total: set.record().count,
        jobs: jobs.map((job) => jobOf(name, job)),
        cursor: next && `${next.dueMs}-${next.sequence}`,
      };
    },
    async change({ set, action, jobtype, jids }) {
      refuseBroken();
      const change = { cmd: commands[action], target: set, jobtype, jids };
      const { affected } = await mutations.change(change).catch((cause: unknown) => {
        throw unclear(cause);
      });
      return affected;
    },
    close: () => Promise.resolve(),
  };
}

function placeIn(cursor: string): TimedPlace {
  const [, dueMs, sequence] = /^(\d{1,16})-(\d{1,16})$/.exec(cursor) ?? [];
  const place = { dueMs: Number(dueMs), sequence: Number(sequence) };
  if (!Number.isSafeInteger(place.dueMs) || !Number.isSafeInteger(place.sequence))
    throw new OperatorError('bad_cursor', 'must be the cursor of another page');
  return place;
}

function jobOf(set: SetName, { dueMs, text }: TimedJob): SetJob {
  const job = JSON.parse(text) as FaktoryJob;
  const failure: Partial<JobFailure> = job.failure ?? {};
  return {
    jid: job.jid ?? '',
    jobtype: job.jobtype ?? '',
    queue: job.queue ?? '',
    args: job.args,
    // The time of a dead job is when Faktory forgets it.
    at: set === 'dead' ? undefined : new Date(dueMs).toISOString(),
    failedAt: failure.failed_at,
    retryCount: failure.retry_count,
    errtype: failure.errtype,
    error: failure.message,
  };
}
