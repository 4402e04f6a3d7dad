// The requests that were read on each open connection, and whether its last response was written. Callers may pipeline. A
// request that was read before the last response gets its response. A later request is not accepted, because its caller
// could not be told the outcome.
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../domain/clock.ts';
import { lingerMs } from '../limits.ts';

// Node's own field (lib/_http_server.js), not typed: the response under way.
export interface HttpSocket extends Socket {
  _httpMessage?: ServerResponse | null;
}

/** A response that is written while its request is read. */
export interface StreamUnderWay {
  /** A request was read, and its response is not written yet. */
  readonly isOwed: boolean;
  /** Called on `clientError`: a response to the error must not be written into this one. */
  fail(error: NodeJS.ErrnoException): void;
}

export interface Connection {
  /** The response to the latest request that was read. */
  response: ServerResponse | undefined;
  /** Set while that response is a stream. */
  stream?: StreamUnderWay | undefined;
  /** When the head of that request had been read. Before the first request: when the connection came. */
  sinceMs: number;
}

/** `receiving`: a first head, or a body. `answering`: a whole request was read, and its response is due. */
export type HttpConnectionState = 'idle' | 'receiving' | 'answering';

export interface Connections {
  /** Watches the server, from its first connection on. */
  watch(server: Server): void;
  /** The open connections. */
  entries(): Iterable<readonly [HttpSocket, Connection]>;
  get(socket: Socket): Connection | undefined;
  counts(): Record<HttpConnectionState, number>;
  latestResponse(socket: Socket): ServerResponse | undefined;
  /** Makes this response the last of its connection. False: more requests have been read, so it cannot be the last. */
  endWith(response: ServerResponse): boolean;
  /** Requests that are read from now on are not accepted: their callers learn that they are not enqueued. */
  takeNoMore(socket: Socket): void;
  isEnding(socket: Socket): boolean;
  /** Ends the sending side and gives the caller time to read: a reset makes the kernel drop bytes that were sent before. */
  leave(socket: Socket): void;
}

/** A stream pipeline that fails removes `socket` from its request. Node's own `client` stays (lib/_http_incoming.js). */
const socketOf = ({ req }: ServerResponse): Socket | undefined => (req as typeof req & { client?: Socket }).client;

export function stateOf(socket: HttpSocket, { response, stream }: Connection): HttpConnectionState {
  if (response === undefined) return 'receiving';
  if (response.writableFinished) return 'idle';
  // When a later request is being read, the requests before it were read whole.
  const isBehind = (socket._httpMessage ?? response) !== response;
  return response.req.complete || isBehind || stream?.isOwed === true ? 'answering' : 'receiving';
}

export function createConnections(clock: Clock): Connections {
  const open = new Map<Socket, Connection>();
  const ending = new WeakSet<Socket>();

  const takeNoMore = (socket: Socket): void => void ending.add(socket);

  function leave(socket: Socket): void {
    takeNoMore(socket);
    socket.end();
    const timer = clock.after(lingerMs, () => socket.destroy());
    socket.once('close', () => timer.cancel());
  }

  return {
    watch(server) {
      server.on('connection', (socket) => {
        open.set(socket, { response: undefined, sinceMs: clock.now() });
        socket.once('close', () => open.delete(socket));
        // Node calls this after the last response.
        socket.destroySoon = () => leave(socket);
      });
      // Added before the framework's own listener, which may respond at once.
      server.prependListener('request', ({ socket }, response) => {
        const connection = open.get(socket);
        if (connection === undefined) return;
        connection.response = response;
        connection.stream = undefined;
        connection.sinceMs = clock.now();
      });
    },
    entries: () => open,
    get: (socket) => open.get(socket),
    counts() {
      const counts = { idle: 0, receiving: 0, answering: 0 };
      for (const [socket, connection] of open) counts[stateOf(socket, connection)] += 1;
      return counts;
    },
    latestResponse: (socket) => open.get(socket)?.response,
    endWith(response) {
      const socket = socketOf(response);
      const connection = socket && open.get(socket);
      // The connection belongs to another server: for `localhost`, which may be two addresses, the framework makes a second
      // server.
      if (connection === undefined) return true;
      if (connection.response !== response) return false;
      ending.add(socket as Socket);
      return true;
    },
    takeNoMore,
    isEnding: (socket) => ending.has(socket),
    leave,
  };
}
