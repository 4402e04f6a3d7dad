// Who may be connected. When places run low, those that have sent least for longest go first, never a caller who is owed an
// answer; one address has a share of the places; the last ones are for probes, so that whoever runs the service can see it.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import type { Clock } from '../../domain/clock.ts';
import { sourceOf, type AddressRange } from '../plugins/addresses.ts';
import { stateOf, type Connection, type Connections, type HttpSocket } from './connections.ts';

/** The code of the `clientError` by which a caller in mid-body is told that the place was needed. */
export const evictedCode = 'ERR_PLACE_NEEDED';

/** Of so many looked through, this many go at once: each new connection would look through all of them otherwise. */
const goAtOnce = 64;
/** Whoever came, or was answered, just now has had no time to send. */
const graceMs = 100;
/** After a look that found nobody. */
const pauseMs = 10;
const logPauseMs = 10_000;

export interface PlacesOptions {
  clock: Clock;
  connections: Connections;
  logger: Pick<FastifyBaseLogger, 'warn'>;
  /** This machine and trusted proxies: many callers behind one address. */
  isShared: AddressRange;
  perAddressMax: number;
  placesMax: number;
  spareMax: number;
}

export interface Places {
  watch(server: Server): void;
  /** Connections that were closed because places ran out, since the start. */
  readonly closed: Readonly<{ evicted: number; refused: number }>;
  /** True for a connection on one of the last places: it gets one answer, of /health or /ready. */
  isSpare(socket: Socket): boolean;
  /** Takes a place from a caller whose request is not whole. False when its answer is owed. */
  evict(socket: HttpSocket): boolean;
}

/** Everybody, or those of one address. */
interface Group {
  count: number;
  nextLookMs: number;
}

/** Bytes a millisecond of the request under way; the 1,024 are for whoever has just begun. */
export const rateOf = (socket: Socket, { sinceMs }: Connection, nowMs: number): number =>
  (socket.bytesRead + 1024) / (nowMs - sinceMs + 1);

export function createPlaces(options: PlacesOptions): Places {
  const { clock, connections, logger, isShared, perAddressMax, placesMax, spareMax } = options;
  const held = new Map<Socket, Group | undefined>();
  const groups = new Map<string, Group>();
  const spare = new Set<Socket>();
  const everybody: Group = { count: 0, nextLookMs: 0 };
  const closed = { evicted: 0, refused: 0 };
  const logged = { ms: -Infinity, evicted: 0, refused: 0 };
  let server: Server;

  function release(socket: Socket, source: string): void {
    const group = held.get(socket);
    if (!held.delete(socket)) return;
    if (!spare.delete(socket)) everybody.count -= 1;
    if (group === undefined) return;
    group.count -= 1;
    if (group.count === 0) groups.delete(source);
  }

  function evict(socket: HttpSocket): boolean {
    const connection = connections.get(socket);
    const state = connection && stateOf(socket, connection);
    if (state === 'answering') return false;
    closed.evicted += 1;
    if (state === 'receiving' && connection?.answer !== undefined)
      server.emit('clientError', Object.assign(new Error('place needed'), { code: evictedCode }), socket);
    socket.destroy();
    release(socket, sourceOf(socket.remoteAddress));
    return true;
  }

  /** Idle ones first, those before others that have been so for longest; then the slowest of the others. */
  function candidates(group: Group): HttpSocket[] {
    const nowMs = clock.now();
    const found: { socket: HttpSocket; isIdle: boolean; rate: number }[] = [];
    for (const [socket, connection] of connections.entries()) {
      if (nowMs - connection.sinceMs < graceMs || !held.has(socket) || spare.has(socket)) continue;
      if (group !== everybody && held.get(socket) !== group) continue;
      const state = stateOf(socket, connection);
      if (state === 'answering') continue;
      const isIdle = state === 'idle';
      found.push({ socket, isIdle, rate: isIdle ? connection.sinceMs : rateOf(socket, connection, nowMs) });
    }
    found.sort((one, other) => Number(other.isIdle) - Number(one.isIdle) || one.rate - other.rate);
    return found.slice(0, goAtOnce).map(({ socket }) => socket);
  }

  function makeRoom(group: Group): boolean {
    if (clock.now() < group.nextLookMs) return false;
    const leaving = candidates(group);
    if (leaving.length === 0) group.nextLookMs = clock.now() + pauseMs;
    for (const socket of leaving) evict(socket);
    return leaving.length > 0;
  }

  /** Probes that have sent nothing yet make room for those that come. */
  function takeSpare(socket: Socket): boolean {
    if (spare.size >= spareMax) [...spare].find((other) => evict(other));
    if (spare.size >= spareMax) return false;
    spare.add(socket);
    return true;
  }

  function groupOf(address: string | undefined): Group | undefined {
    if (address === undefined || isShared(address)) return undefined;
    const source = sourceOf(address);
    return groups.get(source) ?? { count: 0, nextLookMs: 0 };
  }

  function admit(socket: Socket): boolean {
    const group = groupOf(socket.remoteAddress);
    if (group !== undefined && group.count >= perAddressMax && !makeRoom(group)) return false;
    const isFull = everybody.count >= placesMax - spareMax && !makeRoom(everybody);
    if (isFull && !takeSpare(socket)) return false;
    if (!isFull) everybody.count += 1;
    if (group !== undefined) {
      group.count += 1;
      groups.set(sourceOf(socket.remoteAddress), group);
    }
    held.set(socket, group);
    return true;
  }

  function log(): void {
    const evicted = closed.evicted - logged.evicted;
    const refused = closed.refused - logged.refused;
    if (evicted + refused === 0 || clock.now() - logged.ms < logPauseMs) return;
    logger.warn({ open: held.size, evicted, refused }, 'connections have no place left: the idle and the slow ones go');
    Object.assign(logged, { ms: clock.now(), ...closed });
  }

  return {
    closed,
    watch(watched) {
      server = watched;
      server.on('connection', (socket) => {
        // Known by then: a socket that is closed has no address.
        const source = sourceOf(socket.remoteAddress);
        if (admit(socket)) socket.once('close', () => release(socket, source));
        else {
          closed.refused += 1;
          socket.destroy();
        }
        log();
      });
    },
    isSpare: (socket) => spare.size > 0 && spare.has(socket),
    evict,
  };
}
