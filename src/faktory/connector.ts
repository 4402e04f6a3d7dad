// Opens connections for the pool, and knows whether the broker is away: then callers fail at once.
import type { Factory } from 'generic-pool';
import { createAttempts, type AttemptsOptions } from './attempts.ts';
import type { Connection } from './connection.ts';
import { createPresence } from './presence.ts';

export interface Connector extends Factory<Connection> {
  /** Why the broker is away; undefined while a connection is live, and before the first attempt has ended. */
  readonly downReason: Error | undefined;
  /** Called as `downReason` is set or cleared. */
  onDownChange: () => void;
  /** Ends the attempts. */
  close(): void;
}

/** Time for the server to close the connection after END. Then the socket is destroyed. */
const endGraceMs = 250;

export function createConnector(options: AttemptsOptions): Connector {
  const presence = createPresence(options.clock, () => connector.onDownChange());
  const attempts = createAttempts(options, presence);
  const connector: Connector = {
    get downReason() {
      return presence.downReason;
    },
    onDownChange: () => undefined,
    // It never rejects: generic-pool would call it again at once, without end (coopernurse/node-pool#175, #183).
    create: () => new Promise(attempts.want),
    async destroy(connection) {
      if (connection.inFlight > 0 || !connection.isLive) connection.destroy(new Error('closed by us'));
      else await connection.end(endGraceMs);
    },
    validate: (connection) => Promise.resolve(connection.isLive),
    close: attempts.close,
  };
  return connector;
}
