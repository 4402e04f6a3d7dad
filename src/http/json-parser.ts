// The only body parser: JSON in UTF-8. What a body may hold is checked after parsing, in code that no trick with the
// content type can skip.
import type { FastifyInstance } from 'fastify';
import { AppError } from '../domain/errors.ts';

const charset = /;\s*charset\s*=\s*"?([^";,\s]*)/gi;

/** JSON is UTF-8 (RFC 8259 section 8.1); another charset would be read wrongly, not refused, by the parser. */
function isUtf8(contentType: string): boolean {
  for (const [, name] of contentType.matchAll(charset)) if (!/^utf-?8$/i.test(name ?? '')) return false;
  return true;
}

export function useJsonOnly(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    const contentType = request.headers['content-type'] as string;
    if (contentType.length === 'application/json'.length || isUtf8(contentType)) return parse(request, body, done);
    done(new AppError('unsupported_media_type', 'Send application/json in UTF-8'));
  });
}
