// Headers of every answer, and the bound on callers that ask and do not read.
import type { FastifyReply, FastifyRequest, onSendHookHandler } from 'fastify';
import { slowReaderTimeoutMs, smallAnswerBytesMax } from './limits.ts';

export function setAnswerHeaders(request: FastifyRequest, reply: FastifyReply, draining: AbortSignal): void {
  reply.header('x-request-id', request.id);
  reply.header('x-content-type-options', 'nosniff');
  if (draining.aborted) reply.header('connection', 'close');
}

const isSmall = (payload: unknown): boolean =>
  payload == null ||
  ((typeof payload === 'string' || Buffer.isBuffer(payload)) && payload.length <= smallAnswerBytesMax);

/** The only hook that every answer passes. */
export function createAnswerHook(draining: AbortSignal): onSendHookHandler {
  return (request, reply, payload, done) => {
    setAnswerHeaders(request, reply, draining);
    // Counts from the last byte taken; Node sets the socket's own limit again for the next request.
    if (!isSmall(payload)) reply.raw.setTimeout(slowReaderTimeoutMs, () => request.raw.socket.destroy());
    done();
  };
}
