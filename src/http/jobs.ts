// POST /jobs/{operation}: one job, answered after its own reply from the broker. The hot route: one row of the table
// of operations is one route, and nothing here makes a timer, a signal or a hook per request.
import type { FastifyInstance, onRequestHookHandler } from 'fastify';
import type { Clock } from '../domain/clock.ts';
import { AppError, type ErrorCode } from '../domain/errors.ts';
import { createJob } from '../domain/job.ts';
import { describeJob, operationNames, operations, type Operation, type OperationName } from '../domain/operations.ts';
import type { JobProducer, RefusalCode } from '../domain/producer.ts';
import type { Metrics } from '../metrics.ts';
import { cut } from './caller-text.ts';
import { singleBodyBytesMax } from './limits.ts';
import { createOptionFinder } from './misplaced-options.ts';
import { sendProblem } from './problem.ts';
import { acceptedJob, bodyProblems, problemResponses } from './schemas.ts';
import { invalid } from './violations.ts';

export interface JobRoutesOptions {
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
  for (const operation of operationNames) registerOperation(app, operation, operations[operation], options);
}

function registerOperation(
  app: FastifyInstance,
  operation: OperationName,
  row: Operation,
  { producer, metrics, clock, enqueueTimeoutMs, protect }: JobRoutesOptions,
): void {
  const schema = {
    summary: `Enqueue one job: a ${row.symbol} b`,
    body: row.schema.meta({ examples: [{ a: row.example.a, b: row.example.b }] }),
    response: { 202: acceptedJob, ...problemResponses(bodyProblems) },
  };
  const route = { schema, bodyLimit: singleBodyBytesMax, onRequest: [...protect] };
  const findOptions = createOptionFinder(row.schema);
  app.post(`/jobs/${operation}`, route, async ({ body }, reply) => {
    // The handler runs in the turn in which the last byte of the body arrived.
    const deadlineMs = clock.now() + enqueueTimeoutMs;
    const parsed = row.schema.safeParse(body);
    const misplaced = findOptions(body);
    if (!parsed.success || misplaced.length > 0) {
      metrics.job(operation, 'rejected');
      throw invalidBody(body, [...misplaced, ...(parsed.error?.issues ?? [])]);
    }
    const job = createJob(operation, parsed.data);
    const fate = await producer.push(job, deadlineMs);
    metrics.job(operation, fate.outcome);
    if (fate.outcome === 'enqueued') {
      reply.code(202);
      return { job_id: job.jid, message: `Job enqueued to ${describeJob(operation, parsed.data)}` };
    }
    const detail = cut(fate.detail);
    return fate.outcome === 'refused'
      ? sendProblem(reply, { code: problemCodeOf(fate.code), detail })
      : sendProblem(reply, { code: fate.code, detail, fields: { job_ids: [job.jid] } });
  });
}
