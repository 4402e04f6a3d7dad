// One attempt of a job of the type http_request: it resolves the host, checks the addresses, signs, sends, and judges the
// response.
import { createHmac } from 'node:crypto';
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { AllowedHost } from '../../domain/allowed-host.ts';
import { PermanentError, type JobContext } from '../define-job.ts';
import { hostOf, type AllowList } from './allow-list.ts';
import type { HttpRequestArgs } from './args.ts';
import { exchange, type Received } from './exchange.ts';

export interface HttpRequestSettings {
  /** The entries of HTTP_REQUEST_ALLOW. */
  allow: readonly AllowedHost[];
  /** The secrets of HTTP_REQUEST_SECRET: none, one or two. */
  secrets: readonly string[];
  /** The most bytes of JSON of the result. The response's text is cut to fit. */
  resultBytesMax: number;
}

export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

/** Replaced by tests. */
export interface DeliveryParts {
  /** Default: the system's resolver, /etc/hosts included. */
  resolve?: Resolve;
  nowMs?: () => number;
  /** Makes a signal that fires after this time. */
  timeout?: (ms: number) => AbortSignal;
}

export interface Delivered {
  status: number;
  /** The beginning of the response's body, as UTF-8. */
  body: string;
}

/** An error after which the broker runs the job again. Its name is the job's `errtype`. */
class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
}

const addressesMax = 8;
/** The most characters of a refusing response that the job's error repeats. */
const excerptCharsMax = 200;
/** Bytes of the result's JSON besides the text. */
const resultOverheadBytes = 64;
const jidPattern = /^[\x21-\x7e]{1,255}$/;
/** Statuses of a busy or broken receiver: a later attempt may succeed. */
const retriedStatuses: ReadonlySet<number> = new Set([408, 425, 429]);

export function createDelivery(
  { allowList, secrets, resultBytesMax }: HttpRequestSettings & { allowList: AllowList },
  { resolve = resolveBySystem, nowMs = Date.now, timeout = AbortSignal.timeout }: DeliveryParts = {},
) {
  return async (args: HttpRequestArgs, { jid, attempt, signal }: JobContext): Promise<Delivered> => {
    if (!jidPattern.test(jid)) throw new PermanentError('the jid cannot be sent in a header');
    const url = new URL(args.url);
    const { host } = url;
    const deadline = timeout(args.timeout_seconds * 1000);
    const stop = AbortSignal.any([signal, deadline]);
    const describe = (error: unknown): string =>
      `${host}: ${messageOf(error)}${deadline.aborted ? `, after ${args.timeout_seconds} s` : ''}`;

    const addresses = await resolveInTime(url, resolve, stop).catch((error: unknown) => {
      throw new DeliveryError(describe(error));
    });
    const taken = addresses.filter(({ address }) => allowList.takesAddress(url, address)).slice(0, addressesMax);
    if (taken.length === 0) throw new PermanentError(describeRefused(host, addresses));

    const content = contentOf(args);
    const seconds = Math.floor(nowMs() / 1000);
    const signature = sign(secrets, { seconds, method: args.method, url: url.href, body: content?.body ?? noBody });
    const received = await exchange({
      method: args.method,
      url,
      headers: {
        'User-Agent': 'work-factory',
        ...withDefault(args.headers, content?.type),
        ...(content && { 'Content-Length': content.body.length }),
        'Idempotency-Key': jid,
        'Work-Factory-Attempt': attempt,
        ...(secrets.length > 0 && { 'Work-Factory-Signature': signature }),
      },
      body: content?.body,
      addresses: taken,
      signal: stop,
    }).catch((error: unknown) => {
      throw new DeliveryError(describe(error));
    });
    const { status, isBroken } = received;
    if (status < 200 || status > 299) throw errorOf(host, received);
    if (isBroken) throw new DeliveryError(describe(new Error(`answered ${status}, and the response broke off`)));
    return { status, body: textOf(received.body, resultBytesMax - resultOverheadBytes) };
  };
}

/** When no address accepts a connection, Node's error has a code only. */
function messageOf(error: unknown): string {
  const { message, code = 'unknown error' } = error as NodeJS.ErrnoException;
  return message === '' ? code : message;
}

const noBody = Buffer.alloc(0);

function contentOf({ json, body }: HttpRequestArgs): { body: Buffer; type: string } | undefined {
  if (json !== undefined) return { body: Buffer.from(JSON.stringify(json)), type: 'application/json' };
  return body === undefined ? undefined : { body: Buffer.from(body), type: 'text/plain; charset=utf-8' };
}

/** A Content-Type of the caller counts first, in any case of its name. */
function withDefault(headers: HttpRequestArgs['headers'] = {}, type: string | undefined): Record<string, string> {
  const has = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  return has || type === undefined ? headers : { 'Content-Type': type, ...headers };
}

const resolveBySystem: Resolve = (host) => lookup(host, { all: true, verbatim: true });

/** The system's resolver cannot be stopped. After the time it goes on without a listener. */
async function resolveInTime(url: URL, resolve: Resolve, stop: AbortSignal): Promise<readonly LookupAddress[]> {
  const host = hostOf(url);
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  let onAbort: () => void = () => undefined;
  const stopped = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(new Error('stopped while resolving the name'));
    stop.addEventListener('abort', onAbort, { once: true });
    if (stop.aborted) onAbort();
  });
  try {
    return await Promise.race([resolve(host), stopped]);
  } finally {
    stop.removeEventListener('abort', onAbort);
  }
}

const describeRefused = (host: string, addresses: readonly LookupAddress[]): string =>
  `${host} is at ${addresses.map(({ address }) => address).join(', ')}: not globally routable, and no range of ` +
  'HTTP_REQUEST_ALLOW, nor an entry with scheme and port, names it';

/** An error after which the broker retries at its own times, or a permanent error. */
function errorOf(host: string, { status, location, body }: Received): Error {
  const excerpt = textOf(body, body.length * 6 + 2).slice(0, excerptCharsMax);
  const to = location === undefined ? '' : ` to ${location.slice(0, excerptCharsMax)}, which is not followed`;
  const message = `${host} answered ${status}${to}${excerpt === '' ? '' : `: ${excerpt}`}`;
  return retriedStatuses.has(status) || status >= 500 ? new DeliveryError(message) : new PermanentError(message);
}

/** The text as UTF-8, without a character that was cut, and short enough. JSON writes a control character as six bytes. */
function textOf(body: Buffer, jsonBytesMax: number): string {
  for (let length = body.length; ; length = Math.floor(length * 0.8)) {
    const text = new TextDecoder().decode(body.subarray(0, length), { stream: true });
    if (length === 0 || Buffer.byteLength(JSON.stringify(text)) <= jsonBytesMax) return text;
  }
}

interface Signed {
  /** Unix time, s. */
  seconds: number;
  method: string;
  /** The URL of the request. */
  url: string;
  body: Buffer;
}

/**
 * Work-Factory-Signature: a receiver verifies with it that this service sent the request, to this URL, and when. It is
 * `t=<unix>,v1=<hex>`, with a `v1=` for each secret, because the receiver may know either while they are changed.
 */
function sign(secrets: readonly string[], { seconds, method, url, body }: Signed): string {
  const signatures = secrets.map((secret) =>
    createHmac('sha256', secret).update(`${seconds}.${method}.${url}.`).update(body).digest('hex'),
  );
  return [`t=${seconds}`, ...signatures.map((signature) => `v1=${signature}`)].join(',');
}
