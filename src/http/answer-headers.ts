// Headers of every answer, and the bound on callers that ask and do not read.
import type { FastifyReply, FastifyRequest, onSendHookHandler } from 'fastify';
import type { Connections } from './connections.ts';
import { slowReaderTimeoutMs, smallAnswerBytesMax } from './limits.ts';

interface AnswerHeadersOptions {
  draining: AbortSignal;
  connections: Connections;
}

export function setAnswerHeaders(
  request: FastifyRequest,
  reply: FastifyReply,
  { draining, connections }: AnswerHeadersOptions,
): void {
  reply.header('x-request-id', request.id);
  reply.header('x-content-type-options', 'nosniff');
  if (draining.aborted) reply.header('connection', 'close');
  // Requests that were read behind this one have their answers to come; the framework asks for the end after a bad body.
  if (reply.getHeader('connection') === 'close' && !connections.endWith(reply.raw)) {
    reply.removeHeader('connection');
    reply.raw.removeHeader('connection');
  }
}

const isSmall = (payload: unknown): boolean =>
  payload == null ||
  ((typeof payload === 'string' || Buffer.isBuffer(payload)) && payload.length <= smallAnswerBytesMax);

/** The only hook that every answer passes. */
export function createAnswerHook(options: AnswerHeadersOptions): onSendHookHandler {
  return (request, reply, payload, done) => {
    setAnswerHeaders(request, reply, options);
    // Counts from the last byte taken; Node sets the socket's own limit again for the next request.
    if (!isSmall(payload)) reply.raw.setTimeout(slowReaderTimeoutMs, () => request.raw.socket.destroy());
    done();
  };
}
