// The end of connections: while the process drains, every answer says so, and once the port is closed the idle ones go
// at once. Without both, closing took 73.7 s (research/reliability.md 5.1).
import type { FastifyInstance } from 'fastify';
import type { Clock, Timer } from '../domain/clock.ts';

const sweepEveryMs = 50;

/** After the port closed, connections end as soon as their last answer is sent. */
export function closeIdleConnections(app: FastifyInstance, clock: Clock): void {
  app.addHook('preClose', (done) => {
    // Without a port there is no `close` event to end this.
    if (!app.server.listening) return done();
    let timer: Timer;
    const sweep = (): void => {
      app.server.closeIdleConnections();
      timer = clock.after(sweepEveryMs, sweep);
    };
    sweep();
    app.server.once('close', () => timer.cancel());
    done();
  });
}
