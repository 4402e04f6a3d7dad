// What was read on each open connection, and whether its last answer has been given. Callers may pipeline: what was read
// before an end is answered, and what is read after it is not taken, as nobody could be told what became of it.
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../domain/clock.ts';
import { lingerMs } from './limits.ts';

// Node's own field (lib/_http_server.js), not typed: the answer under way.
export interface HttpSocket extends Socket {
  _httpMessage?: ServerResponse | null;
}

export interface Connections {
  /** From the server's first connection on. */
  watch(server: Server): void;
  /** The open ones, each with the answer to the latest request that was read on it. */
  entries(): Iterable<readonly [Socket, ServerResponse | undefined]>;
  latestAnswer(socket: Socket): ServerResponse | undefined;
  /** Makes this answer the last of its connection; false when more requests have been read, and it cannot be. */
  endWith(answer: ServerResponse): boolean;
  /** What is read on it from now on is not taken: its caller has been, or will be, told something else. */
  takeNoMore(socket: Socket): void;
  isEnding(socket: Socket): boolean;
  /** Says that nothing more comes, and gives the caller time to read: the kernel takes back what was sent before a reset. */
  leave(socket: Socket): void;
}

/** A stream pipeline that fails takes `socket` away from a request; Node's own `client` stays (lib/_http_incoming.js). */
const socketOf = ({ req }: ServerResponse): Socket | undefined => (req as typeof req & { client?: Socket }).client;

export function createConnections(clock: Clock): Connections {
  const latest = new Map<Socket, ServerResponse | undefined>();
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
        latest.set(socket, undefined);
        socket.once('close', () => latest.delete(socket));
        // What Node calls after the last answer.
        socket.destroySoon = () => leave(socket);
      });
      // Before the framework sees it: it may answer at once.
      server.prependListener('request', (request, answer) => latest.set(request.socket, answer));
    },
    entries: () => latest,
    latestAnswer: (socket) => latest.get(socket),
    endWith(answer) {
      const socket = socketOf(answer);
      // One of another server: `localhost` may be two addresses, and the framework then makes a second server.
      if (socket === undefined || !latest.has(socket)) return true;
      if (latest.get(socket) !== answer) return false;
      ending.add(socket);
      return true;
    },
    takeNoMore,
    isEnding: (socket) => ending.has(socket),
    leave,
  };
}
