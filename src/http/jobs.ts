// POST /jobs/{operation}: one job, answered after its own reply from the broker. The hot route: one type of job is one
// route, and nothing here makes a timer, a signal or a hook per request.
import type { FastifyInstance, onRequestHookHandler } from 'fastify';
import type { Clock } from '../domain/clock.ts';
import { AppError, type ErrorCode } from '../domain/errors.ts';
import { createJob } from '../domain/job.ts';
import type { JobRegistry, JobType } from '../domain/job-type.ts';
import type { JobProducer, RefusalCode } from '../domain/producer.ts';
import type { Metrics } from '../metrics.ts';
import { cut } from './caller-text.ts';
import { createFlatReader, type FlatReader } from './flat-form.ts';
import { singleBodyBytesMax } from './limits.ts';
import { sendProblem } from './problem.ts';
import { acceptedJob, bodyProblems, problemResponses } from './schemas.ts';
import { invalid } from './violations.ts';

export interface JobRoutesOptions {
  registry: JobRegistry;
  producer: JobProducer;
  metrics: Metrics;
  clock: Clock;
  /** From the last byte of the body to the answer. */
  enqueueTimeoutMs: number;
  /** Hooks before the body is read: keys, overload. */
  protect: readonly onRequestHookHandler[];
}

/** A refusal by the broker itself is, to the caller, a broker that is not available. */
export const problemCodeOf = (code: RefusalCode): ErrorCode =>
  code === 'broker_refused' ? 'broker_unavailable' : code;

/** The failure for a body that its schema did not accept. An empty body without a type was never parsed. */
const invalidBody = (body: unknown, error: Parameters<typeof invalid>[0]): AppError =>
  body === undefined ? new AppError('malformed_json', 'The body is empty') : invalid(error);

export function registerJobRoutes(app: FastifyInstance, options: JobRoutesOptions): void {
  const readFlat = createFlatReader(options.registry);
  for (const type of options.registry.types) registerType(app, type, readFlat, options);
}

function registerType(
  app: FastifyInstance,
  type: JobType,
  readFlat: FlatReader,
  { producer, metrics, clock, enqueueTimeoutMs, protect }: JobRoutesOptions,
): void {
  const { name } = type;
  const schema = {
    summary: `Enqueue one job: ${name}`,
    body: type.body.meta({ examples: type.bodyExamples }),
    response: { 202: acceptedJob, ...problemResponses(bodyProblems) },
  };
  const route = { schema, bodyLimit: singleBodyBytesMax, onRequest: [...protect] };
  app.post(`/jobs/${name}`, route, async ({ body }, reply) => {
    // The handler runs in the turn in which the last byte of the body arrived.
    const deadlineMs = clock.now() + enqueueTimeoutMs;
    const reading = readFlat(type, body);
    if (!reading.success) {
      metrics.job(name, 'rejected');
      throw invalidBody(body, reading.issues);
    }
    const job = createJob(type, reading.args);
    const fate = await producer.push(job, deadlineMs);
    metrics.job(name, fate.outcome);
    if (fate.outcome === 'enqueued') {
      reply.code(202);
      return { job_id: job.jid, message: type.describe(reading.args.value) };
    }
    const detail = cut(fate.detail);
    return fate.outcome === 'refused'
      ? sendProblem(reply, { code: problemCodeOf(fate.code), detail })
      : sendProblem(reply, { code: fate.code, detail, fields: { job_ids: [job.jid] } });
  });
}
