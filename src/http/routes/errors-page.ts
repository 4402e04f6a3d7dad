// GET /docs/errors: the meaning of each `code`, made from the table of errors. The `type` of a problem points here.
import { errorTable, type ErrorCode } from '../problems/errors.ts';

export const errorsPath = '/docs/errors';

/** The page has no script, no style and no image. */
export const errorsPagePolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

function rowOf(code: ErrorCode): string {
  const row = errorTable[code];
  const retryAfter = 'retryAfterSeconds' in row ? `from ${row.retryAfterSeconds} s` : '';
  const cells = [`<a href="#${code}"><code>${code}</code></a>`, row.status, row.title, retryAfter];
  return `<tr id="${code}">${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}

/** Titles are our own texts and need no escaping. */
export const errorsPage = [
  '<!DOCTYPE html>',
  '<html lang="en">',
  '<head><meta charset="utf-8"><title>Errors of Work Factory</title></head>',
  '<body>',
  '<h1>Errors</h1>',
  '<p>Every error is <code>application/problem+json</code>. Its <code>type</code> points to its row here.</p>',
  '<table border="1" cellpadding="6">',
  '<thead><tr><th>code</th><th>status</th><th>meaning</th><th>Retry-After</th></tr></thead>',
  `<tbody>\n${(Object.keys(errorTable) as ErrorCode[]).map(rowOf).join('\n')}\n</tbody>`,
  '</table>',
  '</body>',
  '</html>',
  '',
].join('\n');
