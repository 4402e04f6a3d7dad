// Headers of every response, and the time limit for callers that send requests and do not read.
import { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest, onSendHookHandler } from 'fastify';
import type { Clock } from '../../domain/clock.ts';
import type { Connections } from '../server/connections.ts';
import { readingTimeoutMs, slowReaderTimeoutMs, smallResponseBytesMax } from '../limits.ts';

interface ResponseHeadersOptions {
  draining: AbortSignal;
  connections: Connections;
}

export function setResponseHeaders(
  request: FastifyRequest,
  reply: FastifyReply,
  { draining, connections }: ResponseHeadersOptions,
): void {
  reply.header('x-request-id', request.id);
  reply.header('x-content-type-options', 'nosniff');
  if (draining.aborted) reply.header('connection', 'close');
  // Later requests of this connection still need their responses, but after a bad body the framework would end the connection.
  if (reply.getHeader('connection') === 'close' && !connections.endWith(reply.raw)) {
    reply.removeHeader('connection');
    reply.raw.removeHeader('connection');
  }
}

const isSmall = (payload: unknown): boolean =>
  payload == null ||
  ((typeof payload === 'string' || Buffer.isBuffer(payload)) && payload.length <= smallResponseBytesMax);

/**
 * Two limits: one counts from the last byte that the caller took, and holds also for responses that wait behind this one. The
 * other is for the whole response, because a byte now and then would keep a connection open for ever.
 */
function limitReading({ raw: { socket }, server }: FastifyRequest, { raw }: FastifyReply, clock: Clock): void {
  const cutOff = (): void => void socket.destroy();
  raw.setTimeout(slowReaderTimeoutMs, cutOff);
  // Added before Node's own listener, which gives the socket to the next response.
  raw.prependOnceListener('finish', () => socket.setTimeout(server.server.timeout));
  const timer = clock.after(readingTimeoutMs, cutOff);
  raw.once('close', () => timer.cancel());
}

/** Runs for every response of Fastify's routes. Streams, the console's events and `frameworkErrors` in app.ts call `setResponseHeaders` themselves; requests that never reach Fastify are in src/http/server/client-errors.ts. */
export function createResponseHook(options: ResponseHeadersOptions & { clock: Clock }): onSendHookHandler {
  return (request, reply, payload, done) => {
    setResponseHeaders(request, reply, options);
    const { socket } = request.raw;
    // An injected request has no socket. A small response needs the limit, too, while earlier responses are unread.
    if (socket instanceof Socket && (!isSmall(payload) || socket.writableNeedDrain))
      limitReading(request, reply, options.clock);
    done();
  };
}
