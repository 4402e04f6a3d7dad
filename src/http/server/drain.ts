// The end of connections: while the process drains, every answer says so, and once the port is closed the idle ones go
// at once, and those whose request never ends soon after. Without this, closing took 73.7 s,
// and a half-sent request held it until the process was killed: Node looks for slow requests only while the port is open.
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Clock, Timer } from '../../domain/clock.ts';
import type { Connections } from './connections.ts';

/** Why a process drains that has a successor at the same port: connections are to close, and /ready still says yes. */
export const replaced = 'replaced';

const sweepEveryMs = 50;
/** What a request that is being sent when the port closes has left to arrive. */
const incompleteMsMax = 1000;
/** What an answer that is given then has left to be read. */
const unreadMsMax = 1000;

const isBeingAnswered = (response: ServerResponse | undefined): boolean =>
  response !== undefined && response.req.complete && !response.writableFinished;

/** After the port closed, connections end as soon as their last answer is sent. */
export function closeIdleConnections(app: FastifyInstance, clock: Clock, connections: Connections): void {
  const unreadSinceMs = new WeakMap<ServerResponse, number>();

  /** A caller that does not read its answer would hold the process until it is killed. */
  function cutUnread(): void {
    for (const [socket] of connections.entries()) {
      const answer = socket._httpMessage;
      if (!answer?.writableEnded || answer.writableFinished) continue;
      const sinceMs = unreadSinceMs.get(answer) ?? clock.now();
      unreadSinceMs.set(answer, sinceMs);
      if (clock.now() - sinceMs > unreadMsMax) socket.destroy();
    }
  }

  function timeOutIncomplete(): void {
    for (const [socket, { answer }] of connections.entries()) {
      if (isBeingAnswered(answer)) continue;
      const error = Object.assign(new Error('Request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
      app.server.emit('clientError', error, socket);
    }
  }

  app.addHook('preClose', (done) => {
    // Without a port there is no `close` event to end this.
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
