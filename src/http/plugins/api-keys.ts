// `Authorization: Bearer KEY`. Keys are kept and compared as SHA-256 digests, which have equal lengths, so that every comparison
// takes the same time. Neither keys nor digests are logged.
import { timingSafeEqual } from 'node:crypto';
import type { onRequestHookHandler } from 'fastify';
import { bytesOf, digestOf } from '../../domain/digest.ts';
import { AppError } from '../problems/errors.ts';
import { setCaller } from '../once/idempotency-key.ts';

/** `web:KEY`: several keys of one name are one caller. Without a name the whole text is the key. */
const named = /^([A-Za-z0-9_-]{1,64}):([\x21-\x7e]{16,})$/;

const bearer = /^bearer +([\x21-\x7e]+)$/i;

/** A hook that lets a request pass when it presents one of the keys; the failure is `unauthorized`. */
export function createApiKeyHook(keys: readonly string[]): onRequestHookHandler {
  const accepted = keys.map((text) => {
    const [, name = '', key = text] = named.exec(text) ?? [];
    return { name, digest: bytesOf(digestOf(key)) };
  });
  return (request, _reply, done) => {
    const key = bearer.exec(request.headers.authorization ?? '')?.[1];
    // Every key is compared, so that the time does not tell which one matched.
    const presented = bytesOf(digestOf(key ?? ''));
    const [match] = accepted.filter((candidate) => timingSafeEqual(candidate.digest, presented));
    if (key === undefined || match === undefined)
      return done(new AppError('unauthorized', 'Send Authorization: Bearer KEY'));
    if (match.name !== '') setCaller(request, match.name);
    done();
  };
}
