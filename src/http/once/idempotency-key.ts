// `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07) and `key` of an entry: which keys are accepted, and the id
// under which a key is kept. Each caller's name and each path has keys of its own.
import type { FastifyRequest } from 'fastify';
import { digestOf, type Digest } from '../../domain/digest.ts';
import { AppError } from '../problems/errors.ts';
import { violationFields } from '../problems/violations.ts';

// Maps, because decorated fields of the request would cost requests without a key, too.
const fingerprints = new WeakMap<FastifyRequest, Digest>();
const callers = new WeakMap<FastifyRequest, string>();

/** SHA-256 of the body of a request with an Idempotency-Key; undefined without one. */
export const fingerprintOf = (request: FastifyRequest): Digest | undefined => fingerprints.get(request);
export const setFingerprint = (request: FastifyRequest, body: string): void =>
  void fingerprints.set(request, digestOf(body));

/** The name of the request's API key. Empty: its key has no name. */
export const callerOf = (request: FastifyRequest): string => callers.get(request) ?? '';
export const setCaller = (request: FastifyRequest, name: string): void => void callers.set(request, name);

export const keyHeader = 'idempotency-key';
export const replayedHeader = 'idempotency-replayed';
const keyCharsMax = 255;
export const keyPattern = /^[\x21-\x7e]{1,255}$/;
export const keyMessage = `must be 1 to ${keyCharsMax} visible ASCII characters`;

/** Reads the key of the header. */
export function readKeyHeader(request: FastifyRequest): string {
  const key = request.headers[keyHeader];
  // Node joins the values of repeated headers with `, `, and no key has a space.
  if (typeof key === 'string' && keyPattern.test(key)) return key;
  const violations = [{ pointer: '', message: `the header Idempotency-Key ${keyMessage}` }];
  throw new AppError('validation_failed', `Idempotency-Key ${keyMessage}`, violationFields(violations, 1));
}

/** The id of a key. A key of the header and a key of an entry never have the same id. */
export function idOf(request: FastifyRequest, kind: 'header' | 'entry', key: string): Digest {
  return digestOf(`${callerOf(request)}\n${request.routeOptions.url ?? ''}\n${kind}\n${key}`);
}
