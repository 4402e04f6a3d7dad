// GET / and /console/{file}: the console's page. It holds no data and wants no key: it asks for one when a response is 401.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../problems/errors.ts';
import { pageFiles, type PageFile } from './files.ts';

/** All content comes from this service, nothing is inline, and no text becomes markup (Trusted Types). */
export const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

function send(request: FastifyRequest, reply: FastifyReply, { bytes, type, etag }: PageFile): FastifyReply {
  // Files of two versions of this program do not fit each other, so the browser asks for each file anew.
  reply.header('cache-control', 'no-cache').header('etag', etag).header('referrer-policy', 'no-referrer');
  reply.header('content-security-policy', pagePolicy);
  if (request.headers['if-none-match'] === etag) return reply.code(304).send();
  return reply.type(type).send(bytes);
}

export function registerConsolePage(app: FastifyInstance): void {
  const files = pageFiles();
  const page = files.get('index.html') as PageFile;
  const hidden = { schema: { hide: true } };
  app.get('/', hidden, (request, reply) => send(request, reply, page));
  app.get('/console/:file', hidden, (request, reply) => {
    const { file: name } = request.params as { file: string };
    const file = files.get(name);
    if (file === undefined) throw new AppError('not_found', 'There is nothing at this path');
    return send(request, reply, file);
  });
}
