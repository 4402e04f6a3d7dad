// The headers that a caller may have sent.

const countMax = 50;
/** Many receivers take 8 KiB of headers in all. */
const bytesMax = 6144;
// RFC 9110, 5.6.2 and 5.5. Receivers read bytes above ASCII differently.
const namePattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,200}$/;
const valuePattern = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/;

/** These headers frame the message, belong to one connection (RFC 9110, 7.6.1), or name the receiver. */
const framing: ReadonlySet<string> = new Set([
  ...['connection', 'content-length', 'expect', 'host', 'http2-settings', 'keep-alive', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade'],
]);
const isFraming = (name: string): boolean => framing.has(name) || name.startsWith('proxy-');
/** A receiver verifies a request, or recognizes a repeated delivery, by these headers. */
const isOurs = (name: string): boolean => name === 'idempotency-key' || name.startsWith('work-factory-');

export interface HeaderProblem {
  /** Undefined: the problem concerns all headers together. */
  name: string | undefined;
  message: string;
}

export function findHeaderProblems(headers: Readonly<Record<string, string>>): HeaderProblem[] {
  const entries = Object.entries(headers);
  if (entries.length > countMax) return [{ name: undefined, message: `must be at most ${countMax}` }];
  const bytes = entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes > bytesMax) return [{ name: undefined, message: `must be at most ${bytesMax} bytes in all` }];
  const seen = new Set<string>();
  return entries.flatMap(([name, value]) => {
    const message = problemOf(name.toLowerCase(), value, seen);
    return message === undefined ? [] : [{ name, message }];
  });
}

function problemOf(name: string, value: string, seen: Set<string>): string | undefined {
  if (seen.has(name)) return 'is there twice';
  seen.add(name);
  if (!namePattern.test(name)) return 'has a name that HTTP does not know';
  if (isFraming(name)) return 'is set by the connection';
  if (isOurs(name)) return 'is set by the service: the receiver relies on it';
  return valuePattern.test(value) ? undefined : 'must be visible ASCII characters, with spaces between them';
}
