// Pages of other origins. A browser lets a page read a response only when the operator has named the page's origin
// (https://fetch.spec.whatwg.org/#http-cors-protocol). Cookies are not used, so credentials are not allowed.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { preflightSeconds } from '../limits.ts';

const methods = 'GET, POST, DELETE';
const requestHeaders = 'authorization, content-type, idempotency-key, x-request-id';
/** Headers that a caller of the API needs. A browser shows a page only these and a few of its own list. */
const exposed = 'idempotency-replayed, retry-after, x-request-id';

declare module 'fastify' {
  interface FastifyRequest {
    /** True when the operator has named the page's origin. */
    isFromNamedOrigin: boolean;
  }
}

/** Call it before any hook that may refuse, because a page must be able to read a refusal, too. */
export function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  app.decorateRequest('isFromNamedOrigin', false);
  if (origins.length === 0) return;
  const named = new Set(origins);
  app.addHook('onRequest', (request, reply, done) => {
    // A cache must not give the response for an origin to a page of another origin.
    reply.header('vary', 'Origin');
    const { origin } = request.headers;
    if (origin === undefined || !named.has(origin)) return done();
    request.isFromNamedOrigin = true;
    reply.header('access-control-allow-origin', origin);
    reply.header('access-control-expose-headers', exposed);
    done();
  });
}

/** True for a preflight of a named origin. Any other OPTIONS is a method that no path has. */
export const isPreflight = ({ method, headers, isFromNamedOrigin }: FastifyRequest): boolean =>
  method === 'OPTIONS' && isFromNamedOrigin && headers['access-control-request-method'] !== undefined;

/** The response says nothing about the path, because the request that follows is checked like any other. */
export function respondToPreflight({ headers }: FastifyRequest, reply: FastifyReply): void {
  reply.header('access-control-allow-methods', methods);
  reply.header('access-control-allow-headers', requestHeaders);
  reply.header('access-control-max-age', preflightSeconds);
  // For a page of the internet that calls a service on this machine (https://wicg.github.io/private-network-access/).
  if (headers['access-control-request-private-network'] === 'true')
    reply.header('access-control-allow-private-network', 'true');
  void reply.code(204).send();
}
