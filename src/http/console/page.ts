// GET / and /console/{file}: the console's page. It holds no data and needs no key: its script asks for a key when a response is
// 401. Its files are plain HTML, CSS and ES modules of the folder console/, served unchanged.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../problems/errors.ts';

/** All content comes from this service, nothing is inline, and no text becomes markup (Trusted Types). */
const pagePolicy = [
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

interface PageFile {
  readonly bytes: Buffer;
  readonly type: string;
  /** For If-None-Match. It is weak, because it is the same for the plain and the compressed bytes. */
  readonly etag: string;
}

/** Files with other endings are not served. */
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The folder console/ lies beside src, and beside the folder to which src is compiled. */
function folderOf(from: string): URL {
  const folder = new URL('../../../console/', from);
  if (existsSync(folder)) return folder;
  throw new Error(`the files of the console are missing: ${fileURLToPath(folder)}`);
}

let files: ReadonlyMap<string, PageFile> | undefined;

/** The files by name: `index.html` and the files that it loads. Throws when the folder is missing. */
function pageFiles(): ReadonlyMap<string, PageFile> {
  if (files !== undefined) return files;
  const folder = folderOf(import.meta.url);
  const names = readdirSync(folder).filter((name) => types[extname(name)] !== undefined);
  return (files = new Map(
    names.map((name) => {
      const bytes = readFileSync(new URL(name, folder));
      const digest = createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
      return [name, { bytes, type: types[extname(name)] as string, etag: `W/"${digest}"` }];
    }),
  ));
}

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
