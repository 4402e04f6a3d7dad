// POST /jobs/{operation} and POST /jobs: one job. The response follows the broker's own reply for it. Most requests come here:
// each type of job is a route, and no request costs a timer, a signal or a hook of its own.
import type { FastifyInstance, FastifyReply, onRequestHookHandler } from 'fastify';
import type { Clock } from '../../domain/clock.ts';
import { AppError, type ErrorCode } from '../problems/errors.ts';
import type { Job } from '../../domain/job.ts';
import type { JobType } from '../../domain/job-type.ts';
import type { Outcome, JobProducer, RefusalCode } from '../../domain/producer.ts';
import type { JobOutcome } from '../../metrics/jobs.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { cut } from '../problems/caller-text.ts';
import {
  createEntryReader,
  createJobMaker,
  describeOrder,
  scheduledAt,
  type EntryOptions,
  type JobMaker,
} from '../entries/entry.ts';
import { describeEntry } from '../entries/entry-document.ts';
import { keyBesideHeader, readEntryKey } from '../once/entry-key.ts';
import type { Refusal } from '../entries/explicit-form.ts';
import { createFlatReader } from '../entries/flat-form.ts';
import { singleBodyBytesMax } from '../limits.ts';
import type { Attempt } from '../once/attempt.ts';
import type { Once } from '../once/once.ts';
import { sendProblem, type Problem } from '../problems/problem.ts';
import { acceptedJob, bodyProblems, problemResponses } from './schemas.ts';
import { invalid, toViolations, violationFields } from '../problems/violations.ts';
import { fingerprintOf } from '../once/idempotency-key.ts';
import { countIfRefusedByKeys } from '../once/refused-by-keys.ts';

export interface JobRoutesOptions extends EntryOptions {
  producer: JobProducer;
  metrics: Metrics;
  clock: Clock;
  /** The most time from the last byte of the body to the response. */
  enqueueTimeoutMs: number;
  /** For requests with a key. */
  once: Once;
  /** Hooks before the body is read: they check keys and overload. */
  protect: readonly onRequestHookHandler[];
}

/** For the caller, a refusal by the broker itself means that the broker is not available. */
export const problemCodeOf = (code: RefusalCode): ErrorCode =>
  code === 'broker_refused' ? 'broker_unavailable' : code;

/** The failure for a body that does not fit its schema. An empty body without a type was never parsed. */
const invalidBody = (body: unknown, error: Parameters<typeof invalid>[0]): AppError =>
  body === undefined ? new AppError('malformed_json', 'The body is empty') : invalid(error);

/** The responses are far too small to be worth compressing, and the compressor would add a hook to each request. */
const uncompressed = { compress: false } as const;

export function registerJobRoutes(app: FastifyInstance, options: JobRoutesOptions): void {
  const maker = createJobMaker(options);
  for (const type of options.registry.types) registerType(app, type, maker, options);
  registerEntry(app, maker, options);
}

/** The arithmetic, which runs in the worker's own process, keeps a smaller limit. */
const bodyLimitOf = ({ runs }: JobType, jobBodyBytesMax: number): number =>
  runs === 'inline' ? singleBodyBytesMax : jobBodyBytesMax;

function registerType(app: FastifyInstance, type: JobType, maker: JobMaker, options: JobRoutesOptions): void {
  const { producer, metrics, clock, enqueueTimeoutMs, once, protect, jobBodyBytesMax } = options;
  const { name } = type;
  metrics.knowType(name, type.queue);
  const readFlat = createFlatReader(type, jobBodyBytesMax);
  const schema = {
    summary: `Enqueue one job: ${name}`,
    body: type.body.meta({ examples: type.bodyExamples }),
    response: { 202: acceptedJob, ...problemResponses(bodyProblems) },
  };
  const route = { schema, bodyLimit: bodyLimitOf(type, jobBodyBytesMax), onRequest: [...protect], ...uncompressed };
  app.post(`/jobs/${name}`, route, async (request, reply) => {
    const { body } = request;
    const hasKey = fingerprintOf(request) !== undefined;
    // The handler runs in the turn of the event loop in which the last byte of the body arrived.
    const deadlineMs = clock.now() + enqueueTimeoutMs;
    const reading = readFlat(body);
    if (!reading.success) {
      metrics.job(name, 'rejected');
      const failure = invalidBody(body, reading.issues);
      if (hasKey) return once.respond(request, reply, deadlineMs, failure);
      throw failure;
    }
    const job = maker.make(type, reading.args);
    if (hasKey) {
      const accepted = { job_id: job.jid, message: type.describe(reading.args.value) };
      return once.respond(request, reply, deadlineMs, attemptOf(job, accepted, metrics));
    }
    const outcome = await producer.push(job, deadlineMs);
    metrics.job(name, outcome.kind, type.queue);
    if (outcome.kind !== 'enqueued') return sendFailure(reply, job, outcome);
    reply.code(202);
    return { job_id: job.jid, message: type.describe(reading.args.value) };
  });
}

function registerEntry(app: FastifyInstance, maker: JobMaker, options: JobRoutesOptions): void {
  const { producer, metrics, clock, enqueueTimeoutMs, once, protect, jobBodyBytesMax } = options;
  const readEntry = createEntryReader(options);
  const schema = {
    summary: 'Enqueue one job, with options: a time, a queue, retries',
    body: describeEntry(options),
    response: { 202: acceptedJob, ...problemResponses([...bodyProblems, 'unknown_jobtype']) },
  };
  const route = { schema, bodyLimit: jobBodyBytesMax, onRequest: [...protect], ...uncompressed };
  app.post('/jobs', route, async (request, reply) => {
    const { body } = request;
    const hasKey = fingerprintOf(request) !== undefined;
    const deadlineMs = clock.now() + enqueueTimeoutMs;
    const nowMs = Date.now();
    const order = readEntry(body, nowMs);
    const entryKey = readEntryKey(body);
    const isOnce = hasKey || entryKey !== undefined;
    if (hasKey && entryKey !== undefined) throw invalid([keyBesideHeader]);
    if ('code' in order) {
      metrics.job(order.operation, 'rejected');
      const failure = refusedEntry(body, order);
      if (isOnce) return once.respond(request, reply, deadlineMs, failure, entryKey);
      throw failure;
    }
    const job = maker.makeOrdered(order, nowMs);
    if (isOnce) {
      const accepted = { job_id: job.jid, message: describeOrder(order), at: scheduledAt(job) };
      return once.respond(request, reply, deadlineMs, attemptOf(job, accepted, metrics), entryKey);
    }
    const outcome = job.unique
      ? ((await countIfRefusedByKeys(metrics, [job], once.push(request, [job], deadlineMs)))[0] as Outcome)
      : await producer.push(job, deadlineMs);
    metrics.job(job.operation, jobOutcomeOf(outcome), job.queue);
    if (outcome.kind !== 'enqueued') return sendFailure(reply, job, outcome);
    reply.code(202);
    if (outcome.standIn !== undefined) return duplicateOf(job, outcome.standIn);
    return { job_id: job.jid, message: describeOrder(order), at: scheduledAt(job) };
  });
}

function refusedEntry(body: unknown, { code, issues, detail }: Refusal): AppError {
  if (detail === undefined) return invalidBody(body, issues);
  const violations = violationFields(toViolations(issues), issues.length);
  return new AppError(code === 'unknown_jobtype' ? code : 'validation_failed', detail, violations);
}

/** A label of metrics. */
export const jobOutcomeOf = (outcome: Outcome): JobOutcome =>
  outcome.kind === 'enqueued' && outcome.standIn !== undefined ? 'duplicate' : outcome.kind;

const duplicateOf = ({ operation }: Job, jid: string): object => ({
  job_id: jid,
  message: `Already enqueued, and not ended: ${operation}`,
  duplicate: true,
});

type Failed = Exclude<Outcome, { kind: 'enqueued' }>;

function problemOf({ jid }: Job, outcome: Failed): Problem {
  const detail = cut(outcome.detail);
  return outcome.kind === 'refused'
    ? { code: problemCodeOf(outcome.code), detail }
    : { code: outcome.code, detail, fields: { job_ids: [outcome.standIn ?? jid] } };
}

const sendFailure = (reply: FastifyReply, job: Job, outcome: Failed): FastifyReply =>
  sendProblem(reply, problemOf(job, outcome));

/** The attempt for the one job of a request with a key. */
function attemptOf(job: Job, accepted: object, metrics: Metrics): Attempt {
  return {
    jobs: [job],
    responseOf([outcome]) {
      if (outcome === undefined) return { status: 202, body: accepted };
      if (outcome.kind === 'enqueued')
        return { status: 202, body: outcome.standIn === undefined ? accepted : duplicateOf(job, outcome.standIn) };
      return { problem: problemOf(job, outcome) };
    },
    onOutcomes: ([outcome]) => metrics.job(job.operation, jobOutcomeOf(outcome as Outcome), job.queue),
  };
}
