// Reads Content-Encoding as RFC 9110 section 8.4.1 defines it: a list, in any case, with `x-gzip` as another name of `gzip`. The
// plugin that decodes knows lower-case names only, and no lists.
import type { IncomingHttpHeaders } from 'node:http';

/** Removes the header when the body is not encoded. A list of two codings stays, and is refused. */
export function normalizeContentEncoding(headers: IncomingHttpHeaders): void {
  const codings = headers['content-encoding']
    ?.split(',')
    .map((coding) =>
      coding
        .trim()
        .toLowerCase()
        .replace(/^x-gzip$/, 'gzip'),
    )
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings === undefined) return;
  if (codings.length === 0) delete headers['content-encoding'];
  else headers['content-encoding'] = codings.join(', ');
}
