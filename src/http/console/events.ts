// GET /console/events: the live figures as server-sent events. A page reads them with fetch, because EventSource sends no key.
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import { consoleMissedMax, consoleWatchersMax } from '../limits.ts';
import { refuseOtherOrigins } from '../plugins/own-pages.ts';
import { setResponseHeaders } from '../plugins/response-headers.ts';
import { AppError } from '../problems/errors.ts';
import type { Connections } from '../server/connections.ts';
import type { Feed } from './feed.ts';

export interface EventsOptions {
  feed: Feed;
  draining: AbortSignal;
  connections: Connections;
  /** Requires a key of an operator. */
  protect: readonly onRequestHookHandler[];
}

export function registerConsoleEvents(app: FastifyInstance, options: EventsOptions): void {
  const { feed, draining, protect } = options;
  const watching = new Set<FastifyReply>();
  const endAll = (): void => watching.forEach(({ raw }) => raw.end());
  draining.addEventListener('abort', endAll, { once: true });
  app.addHook('preClose', async () => endAll());
  const route = { schema: { hide: true }, exposeHeadRoute: false, onRequest: [...protect, refuseOtherOrigins] };
  app.get('/console/events', route, (request, reply) => {
    if (draining.aborted) throw new AppError('shutting_down', 'The service is shutting down');
    if (watching.size >= consoleWatchersMax)
      throw new AppError('overloaded', `${consoleWatchersMax} pages watch already`);
    writeHead(request, reply, options);
    watching.add(reply);
    const stop = feed.watch(createWriter(request, reply));
    // A caller that sends no more may still read, but a page that has gone away looks the same.
    const leave = (): void => void reply.raw.end();
    const { socket } = request.raw;
    socket.once('end', leave);
    reply.raw.once('close', () => {
      stop();
      socket.off('end', leave);
      watching.delete(reply);
    });
    reply.raw.write(feed.opening());
  });
}

/** Writes the head without the framework, which would treat the response as a large one that must end. */
function writeHead(request: FastifyRequest, reply: FastifyReply, options: EventsOptions): void {
  setResponseHeaders(request, reply, options);
  reply.hijack();
  reply.raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    // Without this header nginx would collect the events.
    'x-accel-buffering': 'no',
  });
}

/** Writes events, and keeps nothing for a page that does not read: the events would be old when it reads again. */
function createWriter({ raw: { socket } }: FastifyRequest, { raw: response }: FastifyReply): (event: string) => void {
  let missed = 0;
  return (event) => {
    if (response.writableEnded) return;
    if (!response.writableNeedDrain) {
      missed = 0;
      response.write(event);
    } else if (++missed >= consoleMissedMax) socket.destroy();
  };
}
