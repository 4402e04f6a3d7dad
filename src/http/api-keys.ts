// `Authorization: Bearer KEY`. Keys are kept and compared as SHA-256 digests: equal lengths, and the comparison takes
// the same time whatever was presented. Neither is ever logged.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { onRequestHookHandler } from 'fastify';
import { AppError } from './errors.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const bearer = /^bearer +([\x21-\x7e]+)$/i;

/** A hook that lets a request pass when it presents one of the keys; the failure is `unauthorized`. */
export function createApiKeyHook(keys: readonly string[]): onRequestHookHandler {
  const accepted = keys.map(digest);
  return (request, _reply, done) => {
    const key = bearer.exec(request.headers.authorization ?? '')?.[1];
    // Every key is compared, so that the time does not tell which one matched.
    const presented = digest(key ?? '');
    const matches = accepted.filter((candidate) => timingSafeEqual(candidate, presented)).length;
    done(key !== undefined && matches > 0 ? undefined : new AppError('unauthorized', 'Send Authorization: Bearer KEY'));
  };
}
