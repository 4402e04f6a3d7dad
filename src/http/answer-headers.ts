// Headers of every answer, and the bound on callers that ask and do not read.
import { Socket } from 'node:net';
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

/** Counts from the last byte taken. For an answer that waits behind this one Node leaves the socket's limit as it is. */
function boundReading({ raw: { socket }, server }: FastifyRequest, { raw }: FastifyReply): void {
  raw.setTimeout(slowReaderTimeoutMs, () => socket.destroy());
  // Before Node's own listener, which hands the socket on.
  raw.prependOnceListener('finish', () => socket.setTimeout(server.server.timeout));
}

/** The only hook that every answer passes. */
export function createAnswerHook(options: AnswerHeadersOptions): onSendHookHandler {
  return (request, reply, payload, done) => {
    setAnswerHeaders(request, reply, options);
    // An injected request has no socket.
    if (!isSmall(payload) && request.raw.socket instanceof Socket) boundReading(request, reply);
    done();
  };
}
