// One observation per request, by route pattern: the label sets are prepared when a route is registered, so a request
// pays for one lookup by status.
import type { FastifyBaseLogger, FastifyReply, FastifyRequest, onResponseHookHandler, RouteOptions } from 'fastify';
import type { Metrics } from '../metrics.ts';

type Observe = (request: FastifyRequest, reply: FastifyReply) => void;

function createObserve(metrics: Metrics, logger: FastifyBaseLogger, method: string, route: string): Observe {
  const observe = metrics.httpRequests(method, route);
  return (request, reply) => {
    observe(reply.statusCode, reply.elapsedTime / 1000);
    logger.debug(
      { method: request.method, route, status: reply.statusCode, ms: reply.elapsedTime, request_id: request.id },
      'request answered',
    );
  };
}

/** Fastify's `onRoute` hook. */
export const createRouteObserver =
  (metrics: Metrics, logger: FastifyBaseLogger) =>
  (route: RouteOptions): void => {
    const observe = createObserve(metrics, logger, [route.method].flat().join(','), route.url);
    const hook: onResponseHookHandler = (request, reply, done) => {
      observe(request, reply);
      done();
    };
    route.onResponse = [hook];
  };
