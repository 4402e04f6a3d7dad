// The files of the page: plain HTML, CSS and ES modules of the folder console/, served unchanged. They are read once.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PageFile {
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

/** By name: `index.html` and what it loads. Throws when the folder is missing. */
export function pageFiles(): ReadonlyMap<string, PageFile> {
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
