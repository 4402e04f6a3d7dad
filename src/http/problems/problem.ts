// The form of every error response: RFC 9457 problem details, with `code`, the original service's `error` and, on
// POST /jobs and below it, `outcome`. Statuses and titles come from the table in errors.ts and from nowhere else.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorTable, type ErrorCode } from './errors.ts';
import { errorsPath } from '../routes/errors-page.ts';

export interface Problem {
  code: ErrorCode;
  /** One sentence for the caller: no secret, no text of a bug. */
  detail: string;
  fields?: Readonly<Record<string, unknown>>;
}

export const problemContentType = 'application/problem+json';

/** True when a caller must know whether a job may still run. */
const concernsJobs = (request: FastifyRequest): boolean =>
  request.method === 'POST' && (request.routeOptions.url ?? request.url).startsWith('/jobs');

// A bug may have happened before or after the write, and a request that is in progress may be stored or not.
const open: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['outcome_unknown', 'in_progress', 'internal']);
const outcomeOf = (code: ErrorCode): 'unknown' | 'not_enqueued' => (open.has(code) ? 'unknown' : 'not_enqueued');

/** @param instance the id of the request, also sent as `x-request-id` */
export function renderProblem({ code, detail, fields }: Problem, instance: string, withOutcome: boolean): string {
  const { status, title } = errorTable[code];
  return JSON.stringify({
    type: `${errorsPath}#${code}`,
    title,
    status,
    detail,
    instance,
    code,
    error: detail,
    ...(withOutcome && { outcome: outcomeOf(code) }),
    ...fields,
  });
}

/** Seconds for Retry-After, spread a little so that refused callers do not come back together; undefined: no retry. */
export function retryAfterSeconds(code: ErrorCode): number | undefined {
  const row = errorTable[code];
  return 'retryAfterSeconds' in row ? row.retryAfterSeconds + Math.floor(Math.random() * 2) : undefined;
}

/** Sends the problem and the headers that belong to its code. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { request } = reply;
  const { code } = problem;
  const retryAfter = retryAfterSeconds(code);
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
  if (code === 'unauthorized') reply.header('www-authenticate', 'Bearer');
  if (code === 'shutting_down') reply.header('connection', 'close');
  // Sent as bytes, because Fastify would add a charset to a string, which this type does not have.
  const body = Buffer.from(renderProblem(problem, request.id, concernsJobs(request)));
  return reply.code(errorTable[code].status).header('content-type', problemContentType).send(body);
}
