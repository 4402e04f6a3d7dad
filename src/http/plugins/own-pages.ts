// Requests that change how the service works must not come from a page of another site. So their content type must be one that no
// form can send, and when the browser names the origin of the page, it must be this service.
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import { AppError } from '../problems/errors.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A request without a body has no fields. */
    bodyMayBeEmpty?: boolean;
  }
}

/** `Sec-Fetch-Site` (Fetch Metadata) where the browser sends it, else `Origin`; other clients send neither. */
function isFromHere({ headers }: FastifyRequest): boolean {
  const { 'sec-fetch-site': site, origin, host } = headers;
  if (site !== undefined) return site === 'same-origin';
  if (origin === undefined) return true;
  // Only the host is compared, because a proxy may use another scheme than this service.
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}

const isJson = ({ headers }: FastifyRequest): boolean =>
  /^application\/json[\t ]*(?:;|$)/i.test(headers['content-type'] ?? '');

const otherOrigin = (): AppError =>
  new AppError('cross_origin', 'A page of another origin may not do this: Sec-Fetch-Site or Origin');

/** For a response that a page of another site could hold open although it cannot read it. */
export const refuseOtherOrigins: onRequestHookHandler = (request, _reply, done) =>
  done(isFromHere(request) ? undefined : otherOrigin());

/** For every POST and DELETE of an operator. It runs after the hook that requires a key. */
export const refuseOtherPages: onRequestHookHandler = (request, _reply, done) =>
  done(problemOf(request, isFromHere(request)));

/** For requests of callers, who may be pages of CORS_ORIGINS. */
export const refuseUnnamedPages: onRequestHookHandler = (request, _reply, done) =>
  done(problemOf(request, request.isFromNamedOrigin || isFromHere(request)));

function problemOf(request: FastifyRequest, isKnown: boolean): AppError | undefined {
  if (!isKnown) return otherOrigin();
  if (isJson(request)) return undefined;
  return new AppError(
    'unsupported_media_type',
    "Send content-type: application/json; curl: -H 'content-type: application/json'",
  );
}
