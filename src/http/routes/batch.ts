// POST /jobs/batch: entries are checked one by one, the good ones go to the producer in one call, and the response has a
// result for each.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Job } from '../../domain/job.ts';
import { enqueued, type Outcome } from '../../domain/producer.ts';
import type { JobOutcome } from '../../metrics/jobs.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { createBatchResponse } from './batch-response.ts';
import { createBatchReader, readEnvelope, type BatchEntries, type BatchReader } from './batch-entries.ts';
import { describeEntry, examplesOf } from '../entries/entry-document.ts';
import { claimEntries } from '../once/claim-entries.ts';
import { jobOutcomeOf, type JobRoutesOptions } from './jobs.ts';
import { sendProblem } from '../problems/problem.ts';
import {
  acceptedBatch,
  bodyProblems,
  partialBatch,
  problemResponses,
  type AcceptedBatch,
  type PartialBatch,
} from './schemas.ts';
import { fingerprintOf } from '../once/idempotency-key.ts';
import { countIfRefusedByKeys } from '../once/refused-by-keys.ts';

export interface BatchRouteOptions extends JobRoutesOptions {
  /** The most entries of one request. */
  batchMaxJobs: number;
  /** The most bytes of its body, after decoding. */
  batchBodyBytesMax: number;
}

export function registerBatchRoute(app: FastifyInstance, options: BatchRouteOptions): void {
  const { producer, metrics, clock, enqueueTimeoutMs, once, batchMaxJobs, batchBodyBytesMax, protect } = options;
  const schema = {
    summary: `Enqueue 1 to ${batchMaxJobs} jobs; bad entries never stop good ones`,
    body: z.object({
      jobs: z.array(describeEntry(options)).min(1).max(batchMaxJobs),
    }),
    response: { 202: acceptedBatch, 206: partialBatch, ...problemResponses([...bodyProblems, 'too_many_jobs']) },
  };
  const readEntries = createBatchReader(options);
  rehearse(readEntries, examplesOf(options.registry));
  const route = { schema, bodyLimit: batchBodyBytesMax, onRequest: [...protect] };
  app.post('/jobs/batch', route, async (request, reply) => {
    const { body } = request;
    const hasKey = fingerprintOf(request) !== undefined;
    // The handler runs in the turn of the event loop in which the last byte of the body arrived.
    const deadlineMs = clock.now() + enqueueTimeoutMs;
    const entries = readEntries(readEnvelope(body, batchMaxJobs), hasKey);
    const { jobs } = entries;
    metrics.batch(entries.total);
    if (hasKey) {
      return once.respond(request, reply, deadlineMs, {
        jobs,
        responseOf: (outcomes) => createBatchResponse(entries, outcomes),
        onOutcomes: (outcomes) => countJobs(metrics, entries, outcomes),
      });
    }
    if (entries.keyed.length > 0) return pushKeyed(request, reply, entries, deadlineMs);
    if (entries.hasUnique) {
      const pushed = once.push(request, jobs, deadlineMs);
      return respond(reply, entries, await countIfRefusedByKeys(metrics, jobs, pushed));
    }
    const outcomes = jobs.length === 0 ? [] : await producer.pushBulk(jobs, deadlineMs);
    return respond(reply, entries, outcomes);
  });

  /** Pushes entries with keys of their own. */
  async function pushKeyed(
    request: FastifyRequest,
    reply: FastifyReply,
    read: BatchEntries,
    deadlineMs: number,
  ): Promise<FastifyReply | AcceptedBatch | PartialBatch> {
    const asked = claimEntries(once.keys, request, read);
    const { entries, claimed } = await countIfRefusedByKeys(metrics, read.jobs, asked);
    const pushed = once.push(request, entries.jobs, deadlineMs, claimed);
    const outcomes = await countIfRefusedByKeys(metrics, entries.jobs, pushed);
    return respond(reply, entries, outcomes);
  }

  function respond(
    reply: FastifyReply,
    entries: BatchEntries,
    outcomes: readonly Outcome[],
  ): FastifyReply | AcceptedBatch | PartialBatch {
    countJobs(metrics, entries, outcomes);
    const response = createBatchResponse(entries, outcomes);
    if ('problem' in response) return sendProblem(reply, response.problem);
    reply.code(response.status);
    return response.body;
  }
}

const rehearsals = 10;

/** V8 compiles functions as they first run. When it does that before the first request, that request takes some 3 ms less. */
function rehearse(readEntries: BatchReader, examples: readonly object[]): void {
  for (let count = 0; count < rehearsals; count++) {
    const entries = readEntries(examples, false);
    const outcomes = entries.jobs.map(() => enqueued);
    createBatchResponse(entries, outcomes);
  }
}

/** Counts jobs for the metrics. Most batches have a single type of job, so neighbours that are alike are counted together. */
export function countJobs(
  metrics: Pick<Metrics, 'job'>,
  { jobs, rejected }: BatchEntries,
  outcomes: readonly Outcome[],
): void {
  const outcomeAt = (index: number): JobOutcome => jobOutcomeOf(outcomes[index] as Outcome);
  for (let start = 0, end = 0; start < jobs.length; start = end) {
    const { operation, queue } = jobs[start] as Job;
    const outcome = outcomeAt(start);
    const isAlike = (job: Job | undefined): boolean =>
      job?.operation === operation && job.queue === queue && outcomeAt(end) === outcome;
    for (end = start + 1; isAlike(jobs[end]); end++);
    metrics.job(operation, outcome, queue, end - start);
  }
  for (const { operation } of rejected) metrics.job(operation, 'rejected');
}
