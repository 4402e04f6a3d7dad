// Requests that do not reach Fastify: bytes that are not HTTP, headers over the limit, requests sent too slowly. The response
// is a problem like any other, written to the socket. Node's default writes at once, even when an earlier pipelined request
// still waits for its response: the caller of that request would read "not enqueued" for a job that may run.
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { errorTable, type ErrorCode } from '../problems/errors.ts';
import type { Connections, HttpSocket } from './connections.ts';
import { headerBytesMax, headersTimeoutMs, requestTimeoutMs } from '../limits.ts';
import { evictedCode } from './places.ts';
import { problemContentType, renderProblem, retryAfterSeconds, type Problem } from '../problems/problem.ts';

/** After it nothing more may be read, because the rest of the request may still arrive. */
export const timeoutCode = 'ERR_HTTP_REQUEST_TIMEOUT';
const codes: Readonly<Record<string, ErrorCode>> = {
  [timeoutCode]: 'request_timeout',
  [evictedCode]: 'overloaded',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
};
const details: Partial<Record<ErrorCode, string>> = {
  request_timeout: `Headers are due within ${headersTimeoutMs} ms and the whole request within ${requestTimeoutMs} ms`,
  overloaded: 'Room was needed, and this request had sent least for longest',
  headers_too_large: `The headers are larger than ${headerBytesMax} bytes`,
  body_too_large: 'The extensions of a chunk are too large',
};

const problemOf = (error: NodeJS.ErrnoException): Problem => {
  const code = codes[error.code ?? ''] ?? 'bad_request';
  return { code, detail: details[code] ?? 'The bytes received are not a valid HTTP/1.1 request' };
};

function renderResponse(problem: Problem, instance: string): string {
  const { status, title } = errorTable[problem.code];
  // No part of a request that Node refuses has reached the code that enqueues.
  const body = renderProblem(problem, instance, true);
  const retryAfter = retryAfterSeconds(problem.code);
  const headers = {
    'Content-Type': problemContentType,
    'Content-Length': Buffer.byteLength(body),
    'X-Content-Type-Options': 'nosniff',
    'X-Request-Id': instance,
    ...(retryAfter !== undefined && { 'Retry-After': retryAfter }),
    Date: new Date().toUTCString(),
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${title}`, ...lines, '', body].join('\r\n');
}

/** Fastify's `clientErrorHandler`. */
export function createClientErrorHandler(
  connections: Connections,
  createRequestId: () => string,
): (error: NodeJS.ErrnoException, socket: Socket) => void {
  // Node reports the error again for every later packet.
  const handled = new WeakSet<Socket>();

  return (error, socket) => {
    if (handled.has(socket)) return;
    const stream = connections.get(socket)?.stream;
    if (stream) return stream.fail(error);
    handled.add(socket);
    if (error.code === 'ECONNRESET') return void socket.destroy();
    if (!socket.writable) return connections.leave(socket);
    const refuse = (): void => void socket.write(renderResponse(problemOf(error), createRequestId()));
    const response = connections.latestResponse(socket);
    if (response === undefined || response.writableFinished) {
      if (response === undefined || isOpenAfter(response, socket)) refuse();
      return connections.leave(socket);
    }
    // Requests that were read whole get their responses first. Then nothing more is written.
    const endAfterIt = (): void => {
      connections.takeNoMore(socket);
      response.once('close', () => connections.leave(socket));
    };
    if (response.req.complete) return endAfterIt();
    const refuseItsBody = (): void => {
      // After a timeout the rest of the request may have arrived while its response waited behind others.
      if (response.headersSent || response.req.complete) return endAfterIt();
      refuse();
      // A late request can still become complete. It must not be enqueued after this "not enqueued".
      if (error.code === timeoutCode || error.code === evictedCode) socket.destroy();
      else connections.leave(socket);
    };
    // A response has no socket before the responses ahead of it are written.
    if (response.socket === null) response.once('socket', refuseItsBody);
    else refuseItsBody();
  };

  /** False when this was announced as the last response, or when the caller still sends a request whose response was written. */
  function isOpenAfter(response: ServerResponse, socket: Socket): boolean {
    return response.req.complete && response.shouldKeepAlive && !connections.isEnding(socket);
  }
}

/** CONNECT gets the response of bytes that are not HTTP. By default Node ends the connection before earlier responses are written. */
export function refuseTunnels(server: Server): void {
  server.on('connect', (request) => {
    const socket: HttpSocket = request.socket;
    // Node has removed its own listeners. The responses before this one still need them.
    socket.on('error', () => socket.destroy());
    socket.on('timeout', () => socket.destroy());
    socket.on('drain', () => socket._httpMessage?.emit('drain'));
    socket.resume();
    server.emit('clientError', new Error('CONNECT'), socket);
  });
}
