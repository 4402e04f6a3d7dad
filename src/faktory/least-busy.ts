// Picks the connection for the next command.
import type { Connection } from './connection.ts';

/** Of the connections that can take a command, the connection with the fewest commands in flight. Undefined: no connection can. */
export function leastBusy(
  connections: readonly Connection[],
  canTake: (connection: Connection) => boolean = () => true,
): Connection | undefined {
  let best: Connection | undefined;
  for (const connection of connections) {
    if ((best === undefined || connection.inFlight < best.inFlight) && canTake(connection)) best = connection;
  }
  return best;
}
