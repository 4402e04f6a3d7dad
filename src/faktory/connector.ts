// Opens connections for the pool, and remembers whether the broker is away, so that callers fail at once.
import type { Factory } from 'generic-pool';
import { createAttempts, type AttemptsOptions } from './attempts.ts';
import type { Connection } from './connection.ts';
import { createPresence } from './presence.ts';

export interface Connector extends Factory<Connection> {
  /** Why the broker is away; undefined while a connection is live, and before the first attempt has ended. */
  readonly downReason: Error | undefined;
  /** Ends the attempts. */
  close(): void;
}

/** How long the broker may take to close the connection after END. Then the socket is destroyed. */
const endGraceMs = 250;

/** @param onDownChange called as `downReason` is set or cleared */
export function createConnector(options: AttemptsOptions, onDownChange: () => void): Connector {
  const presence = createPresence(options.clock, onDownChange);
  const attempts = createAttempts(options, presence);
  return {
    get downReason() {
      return presence.downReason;
    },
    // The promise never rejects, because generic-pool would call `create` again at once, without end (coopernurse/node-pool#175,
    // #183).
    create: () => new Promise(attempts.want),
    async destroy(connection) {
      if (connection.inFlight > 0 || !connection.isLive) connection.destroy(new Error('closed by us'));
      else await connection.end(endGraceMs);
    },
    validate: (connection) => Promise.resolve(connection.isLive),
    close: attempts.close,
  };
}
