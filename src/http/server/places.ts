// Decides who may be connected. When places run low, the connections that have sent least for longest are closed first, and never
// a connection whose response is due. One address has a share of the places. The last places are for probes, so that operators
// can see the service.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import type { Clock } from '../../domain/clock.ts';
import type { AddressRange } from '../plugins/addresses.ts';
import { stateOf, type Connection, type Connections, type HttpSocket } from './connections.ts';
import { createHeldPlaces, type Group } from './held-places.ts';

/** The code of the `clientError` for a caller whose connection is closed in the middle of a body to make room. */
export const evictedCode = 'ERR_PLACE_NEEDED';

/** How many connections are closed at once. Otherwise each new connection would have to search all of them. */
const goAtOnce = 64;
/** A caller that has just come, or has just got a response, had no time to send yet. */
const graceMs = 100;
/** The pause after a search that found no connection to close. */
const pauseMs = 10;
const logPauseMs = 10_000;

export interface PlacesOptions {
  clock: Clock;
  connections: Connections;
  logger: Pick<FastifyBaseLogger, 'warn'>;
  /** Addresses of this machine and of trusted proxies, which many callers share. */
  isShared: AddressRange;
  perAddressMax: number;
  placesMax: number;
  spareMax: number;
}

export interface Places {
  watch(server: Server): void;
  /** Connections that were closed because places ran out, since the start. */
  readonly closed: Readonly<{ evicted: number; refused: number }>;
  /** True for a connection on one of the last places: it gets one response, of /health or /ready. */
  isSpare(socket: Socket): boolean;
  /** Takes a place from a caller whose request is not whole. False when its response is due. */
  evict(socket: HttpSocket): boolean;
}

/** Bytes a millisecond of the request under way. 1,024 bytes are added for a request that has just begun. */
export const rateOf = (socket: Socket, { sinceMs }: Connection, nowMs: number): number =>
  (socket.bytesRead + 1024) / (nowMs - sinceMs + 1);

export function createPlaces(options: PlacesOptions): Places {
  const { clock, connections, isShared, perAddressMax, placesMax, spareMax } = options;
  const held = createHeldPlaces(isShared);
  const { everybody, spare } = held;
  const closed = { evicted: 0, refused: 0 };
  const log = createClosedLog(options, closed);
  let server: Server;

  function evict(socket: HttpSocket): boolean {
    const connection = connections.get(socket);
    const state = connection && stateOf(socket, connection);
    if (state === 'answering') return false;
    closed.evicted += 1;
    if (state === 'receiving' && connection?.response !== undefined)
      server.emit('clientError', Object.assign(new Error('place needed'), { code: evictedCode }), socket);
    socket.destroy();
    held.release(socket);
    return true;
  }

  function makeRoom(group: Group): boolean {
    const nowMs = clock.now();
    if (nowMs < group.nextLookMs) return false;
    const leaving = firstToGo(connections, (socket) => held.counts(socket, group), nowMs);
    if (leaving.length === 0) group.nextLookMs = nowMs + pauseMs;
    for (const socket of leaving) evict(socket);
    return leaving.length > 0;
  }

  /** True when a spare place is free. A probe that has sent nothing yet makes room for the next. */
  function hasSpare(): boolean {
    if (spare.size >= spareMax) [...spare].find((other) => evict(other));
    return spare.size < spareMax;
  }

  function admit(socket: Socket): boolean {
    const group = held.groupOf(socket.remoteAddress);
    if (group !== undefined && group.count >= perAddressMax && !makeRoom(group)) return false;
    const isFull = everybody.count >= placesMax - spareMax && !makeRoom(everybody);
    if (isFull && !hasSpare()) return false;
    held.add(socket, group, isFull);
    return true;
  }

  return {
    closed,
    watch(watched) {
      server = watched;
      server.on('connection', (socket) => {
        if (admit(socket)) socket.once('close', () => held.release(socket));
        else {
          closed.refused += 1;
          socket.destroy();
        }
        log(held.size);
      });
    },
    isSpare: (socket) => spare.size > 0 && spare.has(socket),
    evict,
  };
}

/** Idle connections, the longest idle first, then the connections that send most slowly. Never a connection whose response is due. */
function firstToGo(connections: Connections, mayGo: (socket: Socket) => boolean, nowMs: number): HttpSocket[] {
  const found: { socket: HttpSocket; isIdle: boolean; rate: number }[] = [];
  for (const [socket, connection] of connections.entries()) {
    if (nowMs - connection.sinceMs < graceMs || !mayGo(socket)) continue;
    const state = stateOf(socket, connection);
    if (state === 'answering') continue;
    const isIdle = state === 'idle';
    found.push({ socket, isIdle, rate: isIdle ? connection.sinceMs : rateOf(socket, connection, nowMs) });
  }
  found.sort((one, other) => Number(other.isIdle) - Number(one.isIdle) || one.rate - other.rate);
  return found.slice(0, goAtOnce).map(({ socket }) => socket);
}

/** Writes a line to the log when connections were closed, at most every ten seconds. */
function createClosedLog(
  { clock, logger }: Pick<PlacesOptions, 'clock' | 'logger'>,
  closed: Places['closed'],
): (open: number) => void {
  const logged = { ms: -Infinity, evicted: 0, refused: 0 };
  return (open) => {
    const evicted = closed.evicted - logged.evicted;
    const refused = closed.refused - logged.refused;
    if (evicted + refused === 0 || clock.now() - logged.ms < logPauseMs) return;
    logger.warn({ open, evicted, refused }, 'connections have no place left: the idle and the slow ones go');
    Object.assign(logged, { ms: clock.now(), ...closed });
  };
}
