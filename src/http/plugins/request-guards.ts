// The checks of every request before its route, in one synchronous hook. Node and llhttp refuse most requests that could be read
// in two ways. This hook refuses the rest.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { onRequestHookHandler } from 'fastify';
import { AppError, errorTable } from '../problems/errors.ts';
import type { Connections } from '../server/connections.ts';
import { respondToPreflight, isPreflight } from './cors.ts';
import { isExpectationMet } from '../server/expectations.ts';
import type { Places } from '../server/places.ts';

const headersMax = 64;
const probes: ReadonlySet<string> = new Set(['/health', '/ready']);
const notOurs = 'Use localhost or 127.0.0.1; ALLOWED_HOSTS, or API_KEYS, opens other names';

/** Exactly one Host (RFC 9112 section 3.2; HTTP/1.0 may have none) and a limited number of header fields. */
function checkHeaders(rawHeaders: readonly string[], httpVersion: string): AppError | undefined {
  // Names and values alternate.
  if (rawHeaders.length > 2 * headersMax) {
    return new AppError('headers_too_large', `At most ${headersMax} header fields are accepted`);
  }
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  if (hosts === 1 || (hosts === 0 && httpVersion === '1.0')) return undefined;
  return new AppError('bad_request', 'A request needs exactly one Host header');
}

interface RequestGuardOptions {
  /** The methods of a path that exists, as in the Allow header. Undefined: the path does not exist. */
  allowedMethods: (path: string) => string | undefined;
  /** The end of the detail for a path that does not exist. */
  operations: string;
  /** Counts a request that has no route. */
  countUnrouted: (status: number) => void;
  connections: Connections;
  places: Pick<Places, 'isSpare'>;
  /** True when the request names this service. Undefined: every name is accepted. */
  isForUs: ((request: IncomingMessage) => boolean) | undefined;
}

export function createRequestGuard(options: RequestGuardOptions): onRequestHookHandler {
  const { allowedMethods, operations, countUnrouted, connections, places, isForUs } = options;
  return (request, reply, done) => {
    // The last response of the connection is already being sent.
    if (connections.isEnding(request.raw.socket)) {
      request.raw.resume();
      return void reply.hijack();
    }
    const failure = checkHeaders(request.raw.rawHeaders, request.raw.httpVersion);
    if (failure !== undefined) {
      reply.header('connection', 'close');
      return done(failure);
    }
    if (isForUs?.(request.raw) === false) return done(new AppError('misdirected_request', notOurs));
    if (!isExpectationMet(request.raw)) {
      // The caller may wait for `100 Continue` before it sends the body.
      reply.header('connection', 'close');
      return done(new AppError('expectation_failed', 'Only 100-continue can be expected'));
    }
    if (places.isSpare(request.raw.socket)) {
      reply.header('connection', 'close');
      if (!probes.has(request.routeOptions.url ?? '')) return done(new AppError('overloaded', 'Every place is taken'));
    }
    normalizeContentEncoding(request.raw.headers);
    if (!request.is404) return done();
    if (isPreflight(request)) return respondToPreflight(request, reply);
    // Checked before the body is read, so that a wrong path is 404 whatever its content type is.
    const path = request.url.split('?', 1)[0] as string;
    const allow = allowedMethods(path);
    const code = allow === undefined ? 'not_found' : 'method_not_allowed';
    countUnrouted(errorTable[code].status);
    const hint = request.method === 'POST' && /^\/jobs\/[^/]+$/.test(path) ? `; operations are ${operations}` : '';
    if (allow === undefined) return done(new AppError(code, `There is nothing at this path${hint}`));
    reply.header('allow', allow);
    done(new AppError(code, `This path accepts ${allow}${hint}`));
  };
}

/**
 * Reads Content-Encoding as RFC 9110 section 8.4.1 defines it: a list, in any case, with `x-gzip` as another name of `gzip`. The
 * plugin that decodes knows lower-case names only, and no lists. The header is removed when the body is not encoded. A list of two
 * codings stays, and is refused.
 */
function normalizeContentEncoding(headers: IncomingHttpHeaders): void {
  const codings = headers['content-encoding']
    ?.split(',')
    .map((coding) =>
      coding
        .trim()
        .toLowerCase()
        .replace(/^x-gzip$/, 'gzip'),
    )
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings === undefined) return;
  if (codings.length === 0) delete headers['content-encoding'];
  else headers['content-encoding'] = codings.join(', ');
}
