// The bodies that are being read: until one is whole it holds memory that no bound on jobs counts. Half a megabyte of
// traffic is enough for a thousand compressed bodies that swell to their limit and never end.
import type { FastifyRequest, onRequestHookHandler, preValidationHookHandler } from 'fastify';
import { AppError } from '../domain/errors.ts';

export interface BodyBudget {
  /** Refuses with `overloaded` when the body might not fit beside those that are being read. */
  reserve: onRequestHookHandler;
  /** The body has become jobs, which have bounds of their own. */
  release: preValidationHookHandler;
}

/**
 * @param bodyBytesMax of one body: what is reserved for one whose decoded length is not known
 * @param budgetBytes of all of them
 */
export function createBodyBudget(bodyBytesMax: number, budgetBytes: number): BodyBudget {
  const held = new WeakMap<FastifyRequest, number>();
  let heldBytes = 0;

  function release(request: FastifyRequest): void {
    heldBytes -= held.get(request) ?? 0;
    held.delete(request);
  }

  return {
    reserve(request, reply, done) {
      const { 'content-length': length, 'content-encoding': encoding } = request.headers;
      const bytes = encoding === undefined && Number(length) <= bodyBytesMax ? Number(length) : bodyBytesMax;
      if (heldBytes + bytes > budgetBytes) return done(new AppError('overloaded', 'Too many bodies are being read'));
      heldBytes += bytes;
      held.set(request, bytes);
      reply.raw.once('close', () => release(request));
      done();
    },
    release(request, _reply, done) {
      release(request);
      done();
    },
  };
}
