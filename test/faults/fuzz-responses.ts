// Reads HTTP responses as strictly as they are meant to be written, and says what is wrong with one.
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { errorTable } from '../../src/http/problems/errors.ts';

export interface HttpResponse {
  status: number;
  headers: ReadonlyMap<string, string>;
  body: Buffer;
  isLast: boolean;
}

export interface ResponseReader {
  push(bytes: Buffer): void;
  /** The next whole response to a request of this method. Throws what is wrong with the bytes. */
  next(method: string): HttpResponse | undefined;
  /** The connection has ended: a response that says so may end there. */
  end(): void;
  /** Bytes that are no whole response yet. */
  rest(): Buffer;
}

const statusLine = /^HTTP\/1\.1 (\d{3}) [\x20-\x7e]+$/;
const headerLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x20-\x7e\x80-\xff]*)$/;
/** May come more than once. */
const repeatable = new Set(['vary', 'set-cookie']);

interface Head {
  status: number;
  headers: Map<string, string>;
}

function readHead(text: string): Head {
  const [first = '', ...lines] = text.split('\r\n');
  const status = statusLine.exec(first)?.[1];
  if (status === undefined) throw new Error(`no status line: ${JSON.stringify(first.slice(0, 200))}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const match = headerLine.exec(line);
    if (!match) throw new Error(`no header: ${JSON.stringify(line.slice(0, 200))}`);
    const name = (match[1] as string).toLowerCase();
    if (headers.has(name) && !repeatable.has(name)) throw new Error(`two headers: ${name}`);
    headers.set(name, match[2] as string);
  }
  return { status: Number(status), headers };
}

/** The body of chunks at the front of `bytes`, and where it ends; undefined when it is not whole. */
function readChunks(bytes: Buffer): { body: Buffer; end: number } | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return undefined;
    const line = bytes.toString('latin1', at, lineEnd);
    if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`no chunk size: ${JSON.stringify(line.slice(0, 200))}`);
    const size = Number.parseInt(line, 16);
    const end = lineEnd + 2 + size;
    if (bytes.length < end + 2) return undefined;
    if (bytes.toString('latin1', end, end + 2) !== '\r\n') throw new Error('a chunk does not end where it says');
    if (size === 0) return { body: Buffer.concat(chunks), end: end + 2 };
    chunks.push(bytes.subarray(lineEnd + 2, end));
    at = end + 2;
  }
}

function readBody(
  { status, headers }: Head,
  method: string,
  bytes: Buffer,
  isEnded: boolean,
): { body: Buffer; end: number } | undefined {
  const length = headers.get('content-length');
  const chunked = headers.get('transfer-encoding');
  if (length !== undefined && chunked !== undefined) throw new Error('both a length and chunks');
  if (method === 'HEAD' || status === 204 || status === 304) return { body: Buffer.alloc(0), end: 0 };
  if (chunked !== undefined) {
    if (chunked !== 'chunked') throw new Error(`transfer-encoding ${chunked}`);
    return readChunks(bytes);
  }
  // As to HTTP/1.0, which has no chunks.
  if (length === undefined && headers.get('connection') === 'close') {
    return isEnded ? { body: bytes, end: bytes.length } : undefined;
  }
  if (length === undefined || !/^\d+$/.test(length)) throw new Error(`content-length ${length}`);
  const end = Number(length);
  return bytes.length < end ? undefined : { body: bytes.subarray(0, end), end };
}

export function createResponseReader(): ResponseReader {
  let pieces: Buffer[] = [];
  let bytes: Buffer = Buffer.alloc(0);
  let isEnded = false;
  return {
    end: () => void (isEnded = true),
    push: (piece) => void pieces.push(piece),
    rest: () => Buffer.concat([bytes, ...pieces]),
    next(method) {
      if (pieces.length > 0) {
        bytes = bytes.length === 0 && pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat([bytes, ...pieces]);
        pieces = [];
      }
      for (;;) {
        const headEnd = bytes.indexOf('\r\n\r\n');
        if (headEnd === -1) return undefined;
        const head = readHead(bytes.toString('latin1', 0, headEnd));
        if (head.status === 100) {
          bytes = bytes.subarray(headEnd + 4);
          continue;
        }
        const read = readBody(head, method, bytes.subarray(headEnd + 4), isEnded);
        if (read === undefined) return undefined;
        bytes = bytes.subarray(headEnd + 4 + read.end);
        return { ...head, body: read.body, isLast: head.headers.get('connection') === 'close' };
      }
    },
  };
}

/** The body, decoded. */
export function textOf({ body, headers }: HttpResponse): string {
  const encoding = headers.get('content-encoding');
  if (encoding === undefined) return body.toString();
  if (encoding === 'gzip') return gunzipSync(body).toString();
  if (encoding === 'br') return brotliDecompressSync(body).toString();
  if (encoding === 'deflate') return inflateSync(body).toString();
  throw new Error(`content-encoding ${encoding}`);
}

const okStatuses = new Set([200, 202, 206, 301, 302, 304]);
const codes: Readonly<Record<string, { status: number; title: string }>> = errorTable;

function problemOf(response: HttpResponse): string | undefined {
  const type = response.headers.get('content-type');
  if (type !== 'application/problem+json') return `content-type ${type}`;
  if (response.headers.get('x-content-type-options') !== 'nosniff') return 'no nosniff';
  const problem = JSON.parse(textOf(response)) as Record<string, unknown>;
  const row = codes[String(problem['code'])];
  if (row === undefined) return `code ${String(problem['code'])}`;
  if (row.status !== response.status || problem['status'] !== response.status)
    return `status ${String(problem['status'])}`;
  if (problem['title'] !== row.title || problem['type'] !== `/docs/errors#${String(problem['code'])}`)
    return 'title or type';
  if (typeof problem['detail'] !== 'string' || problem['error'] !== problem['detail']) return 'detail or error';
  if (/\p{Cc}/u.test(problem['detail'])) return 'a control character in the detail';
  if (problem['instance'] !== response.headers.get('x-request-id')) return 'instance is not x-request-id';
  return undefined;
}

/** Undefined when nothing is. `method` is that of its request. */
export function faultOf(response: HttpResponse, method: string): string | undefined {
  const { status, headers } = response;
  if (status >= 500 && status !== 503 && status !== 504) return `status ${status}`;
  if (!headers.has('date')) return 'no date';
  if (status >= 400) {
    const fault = method === 'HEAD' ? undefined : problemOf(response);
    return fault === undefined ? undefined : `a problem of status ${status}: ${fault}`;
  }
  if (!okStatuses.has(status)) return `status ${status}`;
  if (method === 'POST') {
    const accepted = JSON.parse(textOf(response)) as Record<string, unknown>;
    if (typeof accepted['message'] !== 'string') return `no message in a ${status}`;
  }
  return undefined;
}
