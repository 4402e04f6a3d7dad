// The end of connections. While the process drains, every response carries `connection: close`. When the port is closed, idle
// connections are closed at once, and connections with an unfinished request soon after. Without this the close took 73.7 s,
// and a half-sent request delayed it until the process was killed: Node looks for slow requests only while the port is open.
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Clock, Timer } from '../../domain/clock.ts';
import type { Connections } from './connections.ts';

/** The reason of a drain when another process listens at the same port. Connections close, and /ready is still 200. */
export const replaced = 'replaced';

const sweepEveryMs = 50;
/** How long the rest of a request may take that is being sent when the port closes. */
const incompleteMsMax = 1000;
/** How long a caller may take to read its last response. */
const unreadMsMax = 1000;

const isResponseDue = (response: ServerResponse | undefined): boolean =>
  response !== undefined && response.req.complete && !response.writableFinished;

/** After the port has closed, connections end as soon as their last response is sent. */
export function closeIdleConnections(app: FastifyInstance, clock: Clock, connections: Connections): void {
  const unreadSinceMs = new WeakMap<ServerResponse, number>();

  /** Closes connections whose callers do not read their responses: they would delay the end until the process is killed. */
  function cutUnread(): void {
    for (const [socket] of connections.entries()) {
      const response = socket._httpMessage;
      if (!response?.writableEnded || response.writableFinished) continue;
      const sinceMs = unreadSinceMs.get(response) ?? clock.now();
      unreadSinceMs.set(response, sinceMs);
      if (clock.now() - sinceMs > unreadMsMax) socket.destroy();
    }
  }

  function timeOutIncomplete(): void {
    for (const [socket, { response }] of connections.entries()) {
      if (isResponseDue(response)) continue;
      const error = Object.assign(new Error('Request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
      app.server.emit('clientError', error, socket);
    }
  }

  app.addHook('preClose', (done) => {
    // A server without a port emits no `close` that would end this.
    if (!app.server.listening) return done();
    let timer: Timer;
    const closedMs = clock.now();
    const sweep = (): void => {
      app.server.closeIdleConnections();
      cutUnread();
      if (clock.now() - closedMs > incompleteMsMax) timeOutIncomplete();
      timer = clock.after(sweepEveryMs, sweep);
    };
    sweep();
    app.server.once('close', () => timer.cancel());
    done();
  });
}
