// One observation for each request, by route pattern. The label sets are made when a route is registered, so that a request
// needs one lookup, by status. The time ends when the response is handed to the socket: a slow reader does not count as a
// slow service, and a hook on the last byte would cost every request two listeners.
import type { FastifyBaseLogger, FastifyInstance, onSendHookHandler } from 'fastify';
import type { Clock } from '../../domain/clock.ts';
import type { Metrics } from '../../metrics/metrics.ts';

declare module 'fastify' {
  interface FastifyRequest {
    startedMs: number;
  }
}

interface RequestMetricsOptions {
  metrics: Metrics;
  clock: Clock;
  logger: FastifyBaseLogger;
}

/** Call it before any route is registered. */
export function observeRequests(app: FastifyInstance, { metrics, clock, logger }: RequestMetricsOptions): void {
  // The level may change while the program runs.
  const isLogged = (): boolean => logger.level === 'debug' || logger.level === 'trace';
  app.decorateRequest('startedMs', 0);
  app.addHook('onRequest', (request, _reply, done) => {
    request.startedMs = clock.now();
    done();
  });
  app.addHook('onRoute', (route) => {
    const method = [route.method].flat().join(',');
    const observe = metrics.httpRequests(method, route.url);
    const hook: onSendHookHandler = (request, reply, _payload, done) => {
      const ms = clock.now() - request.startedMs;
      observe(reply.statusCode, ms / 1000);
      if (isLogged()) {
        const { statusCode: status } = reply;
        logger.debug({ method, route: route.url, status, ms, request_id: request.id }, 'request answered');
      }
      done();
    };
    route.onSend = [...[route.onSend ?? []].flat(), hook];
  });
}
