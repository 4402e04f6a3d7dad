// The listener and its connections.
import { createServer as createNetServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { Connection, type ConnectionOptions } from './connection.ts';
import { widBytesMax } from './handshake.ts';

export interface BrokerServer {
  readonly host: string;
  readonly port: number;
  /** Connections that have said HELLO. */
  connections(): number;
  /** Stops listening, ends all connections after the replies that are due. */
  close(): Promise<void>;
}

type Shared = Omit<ConnectionOptions, 'socket' | 'input' | 'onReady' | 'onClosed'>;

export interface ServerOptions extends Shared {
  host: string;
  port: number;
  onJoined: (connection: Connection) => void;
  onLeft: (connection: Connection) => void;
  report: (message: string, cause?: unknown) => void;
}

/** Sockets that have not said HELLO: each lives 2 s at most. */
const unauthenticatedMax = 1000;

/** Rejects when the address cannot be used. */
export async function createServer(options: ServerOptions): Promise<BrokerServer> {
  const { limits, onJoined, onLeft } = options;
  const all = new Set<Connection>();
  const ready = new Set<Connection>();
  const input = { used: 0, max: limits.inputBytesMax };

  const server = createNetServer({ allowHalfOpen: true }, (socket) => {
    const connection = new Connection({
      ...options,
      socket,
      input,
      onReady(one) {
        if (ready.size >= limits.connectionsMax) return `too many connections: ${ready.size + 1}`;
        if (Buffer.byteLength(one.wid ?? '') > widBytesMax) return `a wid holds at most ${widBytesMax} bytes`;
        ready.add(one);
        onJoined(one);
        return undefined;
      },
      onClosed(one) {
        all.delete(one);
        if (ready.delete(one)) onLeft(one);
      },
    });
    all.add(connection);
  });
  server.maxConnections = limits.connectionsMax + unauthenticatedMax;
  // The backlog is as long as the limit of connections. Above a backlog the kernel forgets some clients that believe they are
  // connected (SYN cookies), and they would wait for a greeting without end.
  server.listen({ port: options.port, host: options.host, backlog: server.maxConnections });
  await once(server, 'listening');
  // For example when no file descriptor is left. Open connections continue.
  server.on('error', (cause) => options.report('the broker could not accept a connection', cause));
  const { address, port } = server.address() as AddressInfo;

  return {
    host: address,
    port,
    connections: () => ready.size,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const connection of all) connection.shutDown();
      await closed;
    },
  };
}
