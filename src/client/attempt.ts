// One HTTP request. It ends with a response, or with a failure that says whether the job may be stored.
import { watchSignals } from './abort.ts';
import type { Failure } from './error.ts';
import type { Fetch, FetchedResponse, Surroundings } from './surroundings.ts';

export interface Outgoing {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
  readonly timeoutMs: number;
  readonly signals: readonly AbortSignal[];
}

export interface ApiResponse {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** True: the response is that of an earlier request with the same key. */
  readonly isReplayed: boolean;
}

/** `mayPass`: the same request may succeed a little later. */
export type End = { readonly response: ApiResponse } | { readonly failure: Failure; readonly mayPass: boolean };

const passing: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

export async function attempt(fetch: Fetch, { after }: Surroundings, outgoing: Outgoing): Promise<End> {
  const { method, url, headers, body, timeoutMs, signals } = outgoing;
  const controller = new AbortController();
  let stopped: 'aborted' | 'no_response' | undefined;
  const stop = (why: typeof stopped): void => {
    stopped ??= why;
    controller.abort();
  };
  const timer = after(timeoutMs, () => stop('no_response'));
  const unwatch = watchSignals(signals, () => stop('aborted'));
  try {
    const { signal } = controller;
    const init = { method, headers, ...(body !== undefined && { body }), signal, redirect: 'manual' as const };
    const response = await fetch(url, init);
    return readResponse(response, await response.text());
  } catch (cause) {
    if (stopped === 'aborted') return { failure: abortedBy(signals, 'unknown'), mayPass: false };
    if (stopped === 'no_response')
      return lost({ outcome: 'unknown', code: 'no_response', detail: `No response within ${timeoutMs} ms` }, cause);
    return failedBy(cause);
  } finally {
    timer.cancel();
    unwatch();
  }
}

export function abortedBy(signals: readonly AbortSignal[], outcome: Failure['outcome']): Failure {
  const cause: unknown = signals.find(({ aborted }) => aborted)?.reason;
  return { outcome, code: 'aborted', detail: 'The caller gave up', cause };
}

/** The end of a request whose `fetch` has failed. */
export function failedBy(cause: unknown): Extract<End, { failure: Failure }> {
  const why = describe(cause);
  if (isUnsent(cause))
    return lost({ outcome: 'not_enqueued', code: 'not_connected', detail: `Could not connect: ${why}` }, cause);
  return lost({ outcome: 'unknown', code: 'connection_lost', detail: `The connection was lost: ${why}` }, cause);
}

const lost = (failure: Failure, cause: unknown): Extract<End, { failure: Failure }> => ({
  failure: { ...failure, cause },
  mayPass: true,
});

/** Node's `fetch` says "fetch failed"; the cause of its error says why. */
const causeOf = (error: unknown): unknown => (error instanceof Error ? (error.cause ?? error) : error);

function describe(error: unknown): string {
  const cause = causeOf(error);
  if (!(cause instanceof Error)) return String(cause);
  return cause.message || String((cause as NodeJS.ErrnoException).code);
}

/**
 * Names the call of the system that failed: before `connect` has succeeded nothing can have been sent. To some ports `fetch`
 * does not connect at all (https://fetch.spec.whatwg.org/#port-blocking).
 */
function isUnsent(error: unknown): boolean {
  const { syscall, code, message } = Object(causeOf(error)) as NodeJS.ErrnoException;
  return (
    ['connect', 'getaddrinfo'].includes(syscall ?? '') || code === 'UND_ERR_CONNECT_TIMEOUT' || message === 'bad port'
  );
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

export function readResponse({ status, headers }: FetchedResponse, text: string): End {
  const body = parseObject(text);
  if (body !== undefined && status >= 200 && status < 300) {
    const isReplayed = headers.get('idempotency-replayed') === 'true';
    return { response: { status, body, isReplayed } };
  }
  const { outcome, code, detail, job_ids: jobIds } = body ?? {};
  // A proxy between the client and the service responds with pages of its own. A request that it refused with a 4xx did not
  // reach the service.
  const isRefused = status >= 400 && status < 500;
  const failure: Failure = {
    outcome: outcome === 'not_enqueued' || outcome === 'unknown' ? outcome : isRefused ? 'not_enqueued' : 'unknown',
    code: typeof code === 'string' ? code : 'unexpected_response',
    detail: typeof detail === 'string' ? detail : `HTTP ${status}, which is no response of the service`,
    status,
    retryAfterMs: readRetryAfter(headers.get('retry-after')),
    problem: body,
    ...(outcome === 'unknown' && Array.isArray(jobIds) && { jobIds: jobIds.map(String) }),
  };
  return { failure, mayPass: passing.has(status) || code === 'in_progress' };
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function readRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
