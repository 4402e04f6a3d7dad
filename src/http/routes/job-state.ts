// GET /jobs/{job_id}: the record of a job, at once or when the job ends (`?wait=`). A held response is sent when the store
// reports the end, when the caller goes away, or when the drain begins. The store is never polled.
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, onRequestHookHandler } from 'fastify';
import { z } from 'zod';
import { AppError } from '../problems/errors.ts';
import { jidPattern } from '../../domain/jid.ts';
import type { JobRegistry } from '../../domain/job-type.ts';
import type { JobRecord, ResultStore } from '../../domain/results.ts';
import { waitSecondsMax } from '../limits.ts';
import { listOperations } from './operation-list.ts';
import { commonProblems, jobRecord, problemResponses } from './schemas.ts';
import { invalidPart } from '../problems/violations.ts';

export interface JobStateOptions {
  registry: JobRegistry;
  /** Undefined when this deployment keeps no results. */
  results: ResultStore | undefined;
  /** Fires when the drain begins. */
  draining: AbortSignal;
  /** The most responses that are held at once. */
  waitersMax: number;
  protect: readonly onRequestHookHandler[];
}

const problems = [
  'method_not_allowed',
  'validation_failed',
  'results_not_kept',
  'results_unavailable',
  'overloaded',
] as const;
/** A number as in JSON. `Number` would accept other texts, too. */
const waitPattern = /^\d{1,2}(\.\d{1,20})?(e-\d{1,3})?$/i;

export function registerJobState(app: FastifyInstance, options: JobStateOptions): void {
  const { registry, results, draining, waitersMax, protect } = options;
  const schema = {
    summary: "A job's state and result",
    params: z.object({ job_id: z.string().regex(jidPattern) }),
    querystring: z.object({
      wait: z.number().min(0).max(waitSecondsMax).optional().meta({ description: 'Seconds to wait for its end' }),
    }),
    response: {
      200: jobRecord,
      ...problemResponses([...commonProblems, 'not_found', ...problems]),
    },
  };
  const waiters = createWaiters(draining, waitersMax);
  app.get('/jobs/:job_id', { schema, onRequest: [...protect] }, async (request, reply) => {
    const jobId = readJobId(request.params, registry, reply);
    const waitMs = readWaitMs(request.query as { wait?: unknown });
    if (results === undefined) throw notKept();
    const record = await lookUp(results, jobId, waitMs, waiters, reply);
    if (record === undefined) throw notKnown();
    reply.header('cache-control', 'no-store');
    return record;
  });
}

/** Reads the id. These paths have routes of their own, like the names of operations. */
export function readJobId(params: unknown, registry: JobRegistry, reply: FastifyReply): string {
  const { job_id: jobId } = params as { job_id: string };
  if (jobId === 'batch' || jobId === 'stream' || registry.byName(jobId) !== undefined) {
    reply.header('allow', 'POST');
    throw new AppError('method_not_allowed', 'This path accepts POST');
  }
  if (!jidPattern.test(jobId)) {
    const operations = `operations, which take POST, are ${listOperations(registry)}`;
    throw invalidPart('/job_id', `must match [A-Za-z0-9._-]{8,64}; ${operations}`);
  }
  return jobId;
}

export const notKept = (): AppError =>
  new AppError('results_not_kept', 'This deployment keeps no results: RESULTS_URL is not set');
export const notKnown = (): AppError => new AppError('not_found', 'This job is not known here; it may still exist');

/** When the store does not answer, nothing is known of the job, so the response is not 404. */
export function storeAway(error: unknown, reply: FastifyReply): AppError {
  // src/roles/measured-stores.ts warns once that the store is away.
  reply.log.debug({ err: error, request_id: reply.request.id }, 'the store of results did not answer');
  return new AppError('results_unavailable', 'The result store does not answer; the job may still exist');
}

function readWaitMs({ wait }: { wait?: unknown }): number {
  if (wait === undefined) return 0;
  const seconds = typeof wait === 'string' && waitPattern.test(wait) ? Number(wait) : Number.NaN;
  if (seconds <= waitSecondsMax) return seconds * 1000;
  throw invalidPart('/wait', `must be a number of seconds from 0 to ${waitSecondsMax}`);
}

async function lookUp(
  results: ResultStore,
  jobId: string,
  waitMs: number,
  waiters: Waiters,
  reply: FastifyReply,
): Promise<JobRecord | undefined> {
  try {
    const signal = waitMs > 0 ? waiters.enter(reply.request.raw.socket, reply) : undefined;
    if (signal === undefined) return await results.get(jobId);
    return await results.wait(jobId, waitMs, signal);
  } catch (error) {
    throw storeAway(error, reply);
  }
}

interface Waiters {
  /** A signal for one held response. Undefined: draining, too many are held, or this connection has one already. */
  enter(socket: Socket, reply: FastifyReply): AbortSignal | undefined;
}

/** All waiters share one listener on the drain, because Node warns when a signal has eleven. */
function createWaiters(draining: AbortSignal, waitersMax: number): Waiters {
  const held = new Set<AbortController>();
  // Pipelined requests would otherwise let one caller use up the limit.
  const holding = new WeakSet<Socket>();
  draining.addEventListener('abort', () => held.forEach((controller) => controller.abort()), { once: true });
  return {
    enter(socket, reply) {
      if (draining.aborted || held.size >= waitersMax || holding.has(socket)) return undefined;
      holding.add(socket);
      const controller = new AbortController();
      held.add(controller);
      // A caller that sends no more may still read, but a caller that has gone away looks the same.
      const leave = (): void => controller.abort();
      socket.once('end', leave);
      // Released after the response, and when the caller goes away before it. Node 20 does not report that to a response that
      // waits behind another.
      const release = (): void => {
        held.delete(controller);
        holding.delete(socket);
        socket.off('end', leave).off('close', release);
        reply.raw.off('close', release);
        leave();
      };
      socket.once('close', release);
      reply.raw.once('close', release);
      return controller.signal;
    },
  };
}
