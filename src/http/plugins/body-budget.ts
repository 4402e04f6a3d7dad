// Limits the memory of bodies that are being read, which no limit of jobs counts until a body is whole. It counts the bytes that
// have arrived, after decoding; Content-Length does not count. When the budget is used up, the bodies that were sent slowest are
// given up, so that others can be read.
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  onRequestHookHandler,
  preParsingHookHandler,
} from 'fastify';
import { AppError } from '../problems/errors.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Connections } from '../server/connections.ts';
import { singleBodyBytesMax } from '../limits.ts';
import { rateOf, type Places } from '../server/places.ts';

/** The memory of a decoder before it has written a byte: its window and its buffers. */
const decoderBytes = 65_536;

export interface BodyBudget {
  /** Counts the bodies of routes that are registered later. Register the plugin that decodes before it. */
  watch(app: FastifyInstance): void;
  /** For a stream, whose body is never held as a whole: reserves this many bytes from its head to the end of its response. */
  reserve(bytes: number): onRequestHookHandler;
}

export interface BodyBudgetOptions {
  clock: Clock;
  connections: Connections;
  places: Pick<Places, 'evict'>;
  /** The most bytes of all bodies together. */
  budgetBytes: number;
}

export function createBodyBudget({ clock, connections, places, budgetBytes }: BodyBudgetOptions): BodyBudget {
  const held = new Map<FastifyRequest, number>();
  let heldBytes = 0;

  function release(request: FastifyRequest): void {
    heldBytes -= held.get(request) ?? 0;
    held.delete(request);
  }

  function add(request: FastifyRequest, bytes: number): void {
    const before = held.get(request);
    if (before === undefined) return;
    held.set(request, before + bytes);
    heldBytes += bytes;
    if (heldBytes > budgetBytes) makeRoom();
  }

  /** Gives up an eighth at once. Otherwise every chunk would have to search all bodies. */
  function makeRoom(): void {
    const nowMs = clock.now();
    const slowest = [...held.keys()]
      .map((request) => {
        const { socket } = request.raw;
        const connection = connections.get(socket);
        return { request, socket, rate: connection ? rateOf(socket, connection, nowMs) : 0 };
      })
      .sort((one, other) => one.rate - other.rate);
    for (const { request, socket } of slowest) {
      if (heldBytes <= (budgetBytes * 7) / 8) return;
      if (places.evict(socket)) release(request);
    }
  }

  /** Refuses with `overloaded` when nothing is left and no body can be given up. */
  const enter: onRequestHookHandler = (request, reply, done) => {
    const { 'content-encoding': coding, 'content-length': length } = request.headers;
    // Most bodies are small and plain. The number of connections limits them.
    if (coding === undefined && Number(length) <= singleBodyBytesMax) return done();
    hold(request, reply, coding === undefined ? 0 : decoderBytes, done);
  };

  function hold(request: FastifyRequest, { raw }: FastifyReply, bytes: number, done: (error?: Error) => void): void {
    if (heldBytes + bytes > budgetBytes) makeRoom();
    if (heldBytes + bytes > budgetBytes) return done(new AppError('overloaded', 'Too many bodies are being read'));
    held.set(request, 0);
    add(request, bytes);
    raw.once('close', () => release(request));
    done();
  }

  /** Counts the bytes that arrive, after decoding. A whole body becomes jobs in the same turn, which have limits of their own. */
  const count: preParsingHookHandler = (request, _reply, payload, done) => {
    if (held.has(request)) {
      payload.on('data', (chunk: Buffer) => add(request, chunk.length));
      payload.once('end', () => release(request));
    }
    done(null, payload);
  };

  return {
    reserve: (bytes) => (request, reply, done) => hold(request, reply, bytes, done),
    watch: (app) =>
      void app.addHook('onRoute', (route) => {
        if (route.method !== 'POST') return;
        route.onRequest = [...[route.onRequest ?? []].flat(), enter];
        route.preParsing = [...[route.preParsing ?? []].flat(), count];
      }),
  };
}
