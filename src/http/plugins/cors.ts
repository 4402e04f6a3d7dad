// Pages of other origins: a browser lets a page read a response when the operator has named the page's origin
// (https://fetch.spec.whatwg.org/#http-cors-protocol). No cookies are used, so no credentials are allowed.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { preflightSeconds } from '../limits.ts';

const methods = 'GET, POST, DELETE';
const requestHeaders = 'authorization, content-type, idempotency-key, x-request-id';
/** Headers that a caller of the API acts on; a browser shows a page only these and a few of its own list. */
const exposed = 'idempotency-replayed, retry-after, x-request-id';

declare module 'fastify' {
  interface FastifyRequest {
    /** It comes from a page whose origin the operator has named. */
    isFromNamedOrigin: boolean;
  }
}

/** Call it before any hook that may refuse: a page has to be able to read a refusal, too. */
export function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  app.decorateRequest('isFromNamedOrigin', false);
  if (origins.length === 0) return;
  const named = new Set(origins);
  app.addHook('onRequest', (request, reply, done) => {
    // Caches must not give one origin the response to another.
    reply.header('vary', 'Origin');
    const { origin } = request.headers;
    if (origin === undefined || !named.has(origin)) return done();
    request.isFromNamedOrigin = true;
    reply.header('access-control-allow-origin', origin);
    reply.header('access-control-expose-headers', exposed);
    done();
  });
}

/** Of a named origin; any other OPTIONS is a method that no path has. */
export const isPreflight = ({ method, headers, isFromNamedOrigin }: FastifyRequest): boolean =>
  method === 'OPTIONS' && isFromNamedOrigin && headers['access-control-request-method'] !== undefined;

/** Says nothing about the path: the request that follows is treated like others. */
export function respondToPreflight({ headers }: FastifyRequest, reply: FastifyReply): void {
  reply.header('access-control-allow-methods', methods);
  reply.header('access-control-allow-headers', requestHeaders);
  reply.header('access-control-max-age', preflightSeconds);
  // A page of the internet that calls a service on this machine (https://wicg.github.io/private-network-access/).
  if (headers['access-control-request-private-network'] === 'true')
    reply.header('access-control-allow-private-network', 'true');
  void reply.code(204).send();
}
