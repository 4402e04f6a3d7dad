// Serves a stream on its connection: its head, timers, drain, and the end of a request that was not read whole. It has timers of
// its own, because Node's timers for a request are the same for all routes, and a stream may take hours (docs/streams.md).
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { streamIdleMs } from '../limits.ts';
import { setResponseHeaders } from '../plugins/response-headers.ts';
import { timeoutCode } from '../server/client-errors.ts';
import type { Connections } from '../server/connections.ts';
import { evictedCode } from '../server/places.ts';
import type { ReportMode } from './reports.ts';
import { createStream, type Stream, type StreamEnd, type StreamOptions } from './stream.ts';

export const ndjson = 'application/x-ndjson';

export interface ServeStreamOptions extends StreamOptions {
  readonly connections: Connections;
  readonly draining: AbortSignal;
  readonly idleMs?: number | undefined;
}

export interface StreamAsked {
  readonly body: Readable;
  readonly report: ReportMode;
  readonly from: number;
}

const idle: StreamEnd = { code: 'request_timeout', detail: 'No byte came for too long' };
const notHttp: StreamEnd = { code: 'bad_request', detail: 'The bytes received are not a valid HTTP/1.1 request' };

/** Writes the head without the framework, which would pipe the response and limit its time. */
function writeHead(request: FastifyRequest, reply: FastifyReply, options: ServeStreamOptions): void {
  setResponseHeaders(request, reply, options);
  const headers = {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': ndjson,
    'cache-control': 'no-store',
    // Without this header nginx would collect the response.
    'x-accel-buffering': 'no',
  };
  reply.hijack();
  reply.raw.writeHead(200, headers);
  // A caller may wait for the head before it sends lines.
  reply.raw.flushHeaders();
}

export function serveStream(
  request: FastifyRequest,
  reply: FastifyReply,
  { body, report, from }: StreamAsked,
  options: ServeStreamOptions,
): Stream {
  const { connections, draining, idleMs = streamIdleMs } = options;
  const response = reply.raw;
  const { socket } = request.raw;
  writeHead(request, reply, options);
  const stream = createStream(options, { request, response, body, report, from });

  const connection = connections.get(socket);
  const underWay = {
    get isOwed() {
      return stream.isOwed;
    },
    fail({ code }: NodeJS.ErrnoException) {
      if (code === timeoutCode) {
        // Node's limit for a whole request does not apply to a stream. After the port has closed the limit of the drain applies.
        if (draining.aborted) socket.destroy();
      } else if (code === 'ECONNRESET' || code === evictedCode || !socket.writable) socket.destroy();
      else stream.end(notHttp);
    },
  };
  if (connection) connection.stream = underWay;
  response.once('close', () => {
    if (connection?.stream === underWay) connection.stream = undefined;
  });

  // Node counts bytes that the kernel has taken from a buffer as a sign of life, too.
  response.setTimeout(idleMs, () => {
    if (response.writableNeedDrain) return connections.leave(socket);
    // The stream waits for the broker, not for its caller.
    if (stream.isOwed) return void socket.setTimeout(idleMs);
    stream.end(idle);
  });
  // Added before Node's own listener, which gives the socket to the next response.
  response.prependOnceListener('finish', () => {
    socket.setTimeout(request.server.server.timeout);
    if (request.raw.complete) return;
    connections.leave(socket);
  });
  return stream;
}
