// Requests that never became one for Fastify: bytes that are no HTTP, headers over the limit, requests sent too slowly.
// The answer is a problem like any other, written to the socket by hand. Node's own default writes at once, even when an
// earlier pipelined request still waits for its answer: its caller would read "not enqueued" for a job that may run.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../domain/clock.ts';
import { errorTable, type ErrorCode } from '../domain/errors.ts';
import { headerBytesMax, headersTimeoutMs, requestTimeoutMs } from './limits.ts';
import { problemContentType, renderProblem, type Problem } from './problem.ts';

// Node's own fields (lib/_http_server.js), not typed: the answer under way, and the request being parsed.
interface HttpSocket extends Socket {
  _httpMessage?: ServerResponse | null;
  parser?: { incoming?: IncomingMessage | null } | null;
}

const codes: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
};
const details: Partial<Record<ErrorCode, string>> = {
  request_timeout: `Headers are due within ${headersTimeoutMs} ms and the whole request within ${requestTimeoutMs} ms`,
  headers_too_large: `The headers are larger than ${headerBytesMax} bytes`,
  body_too_large: 'The extensions of a chunk are too large',
};

// Long enough for the answer to be read before unread input makes the kernel reset the connection.
const lingerMs = 1000;

const problemOf = (error: NodeJS.ErrnoException): Problem => {
  const code = codes[error.code ?? ''] ?? 'bad_request';
  return { code, detail: details[code] ?? 'The bytes received are not a valid HTTP/1.1 request' };
};

function renderAnswer(problem: Problem, instance: string): string {
  const { status, title } = errorTable[problem.code];
  // Nothing of such a request ever reached the code that enqueues.
  const body = renderProblem(problem, instance, true);
  const headers = {
    'Content-Type': problemContentType,
    'Content-Length': Buffer.byteLength(body),
    'X-Content-Type-Options': 'nosniff',
    'X-Request-Id': instance,
    Date: new Date().toUTCString(),
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${title}`, ...lines, '', body].join('\r\n');
}

/** Fastify's `clientErrorHandler`. */
export function createClientErrorHandler(
  clock: Clock,
  createRequestId: () => string,
): (error: NodeJS.ErrnoException, socket: Socket) => void {
  // Node reports again for every packet that follows.
  const handled = new WeakSet<Socket>();
  return (error, plainSocket) => {
    const socket = plainSocket as HttpSocket;
    if (handled.has(socket)) return;
    handled.add(socket);
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const answer = socket._httpMessage;
    const request = socket.parser?.incoming;
    const inItsBody = request != null && !request.complete && answer?.req === request;
    // An earlier request gets its answer first, and then nothing more is said.
    if (answer != null && !inItsBody) return void answer.once('close', () => socket.destroy());
    if (answer?.headersSent) return void socket.destroy();
    const problem = problemOf(error);
    socket.write(renderAnswer(problem, createRequestId()));
    // Its rest could still arrive and be enqueued after this "not enqueued".
    if (inItsBody) return void socket.destroy();
    socket.end();
    clock.after(lingerMs, () => socket.destroy());
  };
}
