// Turns a thrown error into a problem: an expected failure by its code, an error of Fastify or a plugin by the table below.
// Any other error is `internal`, and its text is in the log only.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError, type ErrorCode } from './errors.ts';
import { sendProblem, type Problem } from './problem.ts';

interface FrameworkFailure {
  code: ErrorCode;
  detail: string;
}

const badUrl: FrameworkFailure = { code: 'bad_request', detail: 'The request target cannot be decoded' };
const badEncoding: FrameworkFailure = {
  code: 'malformed_json',
  detail: 'The body cannot be decoded with its Content-Encoding',
};

// curl sends a form unless this option is given.
const sendJson = "Send application/json in UTF-8; curl: -H 'content-type: application/json'";

// Codes of fastify 5.12 (lib/errors.js), @fastify/compress 9.2 and @fastify/static, which serves /docs.
const frameworkFailures: ReadonlyMap<string, FrameworkFailure> = new Map([
  ['FST_ERR_CTP_BODY_TOO_LARGE', { code: 'body_too_large', detail: 'The body is larger than this route accepts' }],
  ['FST_ERR_CTP_INVALID_MEDIA_TYPE', { code: 'unsupported_media_type', detail: sendJson }],
  ['FST_ERR_CTP_INVALID_CONTENT_LENGTH', { code: 'bad_request', detail: 'The body and its Content-Length differ' }],
  ['FST_STATIC_FORBIDDEN_PATH', { code: 'not_found', detail: 'There is nothing at this path' }],
  ['FST_ERR_BAD_URL', badUrl],
  ['FST_ERR_MAX_PARAM_LENGTH', badUrl],
  ['FST_CP_ERR_INVALID_CONTENT_ENCODING', { code: 'unsupported_media_type', detail: 'Send gzip, br, deflate or none' }],
  ['FST_CP_ERR_INVALID_CONTENT', badEncoding],
]);

// Errors of @fastify/send have a status and no code. They come from a request for a file of /docs with a bad path, condition or
// range.
const badFileRequest: Problem = { code: 'bad_request', detail: 'The path, conditions or ranges cannot be met' };
const isCallersFault = (error: unknown): boolean =>
  error instanceof Error && 'statusCode' in error && Math.floor(Number(error.statusCode) / 100) === 4;

// The caller has closed the connection while it sent the body. Nobody reads the response, and it is no bug.
const aborted: Problem = { code: 'bad_request', detail: 'The request ended before its body' };
const internal: Problem = { code: 'internal', detail: 'An error on our side; the log has it under this instance' };

function toProblem(error: unknown, request: FastifyRequest): Problem {
  if (error instanceof AppError) return { code: error.code, detail: error.message, fields: error.fields };
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const failure = typeof code === 'string' ? frameworkFailures.get(code) : undefined;
  if (failure === undefined) {
    if (request.raw.destroyed && !request.raw.complete) return aborted;
    return isCallersFault(error) ? badFileRequest : internal;
  }
  if (failure.code !== 'body_too_large') return failure;
  return { ...failure, fields: { limit_bytes: request.routeOptions.bodyLimit } };
}

/** Fastify's error handler, and its handler of errors before routing. */
export function handleError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = toProblem(error, request);
  if (problem.code === 'internal') request.log.error({ err: error, request_id: request.id }, 'request failed by a bug');
  sendProblem(reply, problem);
}
