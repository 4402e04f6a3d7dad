// Picks the connection for the next command.
import type { Connection } from './connection.ts';

/** The connection with the fewest commands in flight, of those that can take a command. Undefined: none can. */
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
