// `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07) and `key` of an entry: what they may be, and under which
// id they are kept: a caller's name and a path have keys of their own.
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from './errors.ts';
import { violationFields } from './violations.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** SHA-256 of the body of a request with an Idempotency-Key; null without one. */
    fingerprint: Buffer | null;
    /** The name of its API key; empty where keys have none. */
    caller: string;
  }
}

/** Nothing else is in a request that needs no key. */
export function decorateRequests(app: FastifyInstance): void {
  app.decorateRequest('fingerprint', null);
  app.decorateRequest('caller', '');
}

export const keyHeader = 'idempotency-key';
export const replayedHeader = 'idempotency-replayed';
export const keyCharsMax = 255;
export const keyPattern = /^[\x21-\x7e]{1,255}$/;
export const keyMessage = `must be 1 to ${keyCharsMax} visible ASCII characters`;

export const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The key of the header. */
export function readKeyHeader(request: FastifyRequest): string {
  const key = request.headers[keyHeader];
  // Of a header that came twice Node makes one with a space in it.
  if (typeof key === 'string' && keyPattern.test(key)) return key;
  const violations = [{ pointer: '', message: `the header Idempotency-Key ${keyMessage}` }];
  throw new AppError('validation_failed', `Idempotency-Key ${keyMessage}`, violationFields(violations, 1));
}

/** Keys of the header and of entries never meet. */
export function idOf({ caller, routeOptions }: FastifyRequest, kind: 'header' | 'entry', key: string): Buffer {
  return digestOf(`${caller}\n${routeOptions.url ?? ''}\n${kind}\n${key}`);
}
