// The only body parser: JSON in UTF-8. The content of a body is checked after parsing, whatever its content type is.
import type { FastifyInstance } from 'fastify';
import { isOverbuilt } from '../../domain/json-structure.ts';
import { AppError } from '../problems/errors.ts';
import { keyHeader, setFingerprint } from '../once/idempotency-key.ts';
import { structureCheckedFromBytes, structureLimits } from '../limits.ts';

const charset = /;\s*charset\s*=\s*"?([^";,\s]*)/gi;

/** JSON is UTF-8 (RFC 8259 section 8.1). The parser would misread another charset instead of refusing it. */
export function isUtf8(contentType: string): boolean {
  for (const [, name] of contentType.matchAll(charset)) if (!/^utf-?8$/i.test(name ?? '')) return false;
  return true;
}

/** Matches a key in any spelling of JSON, with each letter plain or escaped. */
function keyPattern(key: string): RegExp {
  const letters = Array.from(key, (letter) => {
    const digits = letter.charCodeAt(0).toString(16);
    return `(?:${letter}|\\\\u00${digits.replace(/[a-f]/, (digit) => `[${digit}${digit.toUpperCase()}]`)})`;
  });
  return new RegExp(`"${letters.join('')}"\\s*:`);
}

const proto = keyPattern('__proto__');
const constructor = keyPattern('constructor');
const prototype = keyPattern('prototype');

/** Most texts have neither word and no escaped letter. This search is faster than the patterns. */
const mayBePoisoned = (text: string): boolean =>
  text.includes('__proto__') || text.includes('constructor') || text.includes(String.raw`\u`);

/**
 * Such keys are dangerous for code that copies objects; this program has none. They are searched for in the text, because a
 * search in the parsed value, as in the framework's own parser (secure-json-parse), takes four times as long as parsing `[[[[`.
 */
const isPoisoned = (text: string): boolean =>
  mayBePoisoned(text) && (proto.test(text) || (constructor.test(text) && prototype.test(text)));

/** The value of a JSON text; undefined when the text is not JSON, or has a key like __proto__. */
export function readJson(text: string): { readonly value: unknown } | undefined {
  // The response does not say where the text is broken, because finding the place takes as long as parsing.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    // A byte order mark may be ignored (RFC 8259 section 8.1).
    const value: unknown = JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
    return isPoisoned(text) ? undefined : { value };
  } catch {
    return undefined;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function parse(text: string): unknown {
  if (text === '') throw new AppError('malformed_json', 'The body is empty');
  if (text.length > structureCheckedFromBytes && isOverbuilt(text, structureLimits)) {
    const { countMax, depthMax } = structureLimits;
    throw new AppError('malformed_json', `A large body holds at most ${countMax} arrays and objects, ${depthMax} deep`);
  }
  const read = readJson(text);
  if (read === undefined)
    throw new AppError('malformed_json', 'The body is not JSON, or it holds a key like __proto__');
  return read.value;
}

export function useJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    const contentType = request.headers['content-type'] as string;
    if (contentType.length !== 'application/json'.length && !isUtf8(contentType)) {
      return done(new AppError('unsupported_media_type', 'Send application/json in UTF-8'));
    }
    // An inflater ends at the first byte after its text, and later bytes could still break the request. Its caller would then
    // read "not enqueued" for a job that is pushed.
    if (!request.raw.readableEnded)
      return done(new AppError('malformed_json', 'Bytes follow the end of the compressed body'));
    if (body === '' && request.routeOptions.config.bodyMayBeEmpty === true) return done(null, {});
    let parsed: unknown;
    try {
      parsed = parse(body);
    } catch (error) {
      return done(error as AppError);
    }
    if (request.headers[keyHeader] !== undefined) setFingerprint(request, body);
    done(null, parsed);
  });
}
