// A service for tests of the client: a `fetch` that answers as it is told, on time that moves only while nothing happens.
import type { Fetch } from '../../src/client/surroundings.ts';
import { createClient, type ClientOptions } from '../../src/client/client.ts';
import { createFakeClock } from '../helpers/fake-clock.ts';

export interface SentRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
  signal: AbortSignal;
  /** Since the first request. */
  atMs: number;
}

export interface ScriptedResponse {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
  /** The response comes after so long; `Infinity`: never. */
  afterMs?: number;
}

/** A response, or what `fetch` fails with. */
export type Script = (request: SentRequest) => ScriptedResponse | Error;

export const accepted = (jobId = 'job-00000001'): ScriptedResponse => ({
  status: 202,
  body: { job_id: jobId, message: 'Job enqueued' },
});

export const problem = (status: number, code: string, fields: object = {}): ScriptedResponse => {
  const isOpen = ['outcome_unknown', 'in_progress', 'internal'].includes(code);
  const outcome = isOpen ? 'unknown' : 'not_enqueued';
  return { status, body: { status, code, detail: `It is ${code}`, outcome, ...fields } };
};

/** As Node's `fetch` says it. */
export const networkError = (code: string, syscall: string): Error =>
  new TypeError('fetch failed', { cause: Object.assign(new Error(`${syscall} ${code}`), { code, syscall }) });

/** One after the other; the last one again and again. */
export const inTurn = (...responses: (ScriptedResponse | Error)[]): Script => {
  let turn = 0;
  return () => responses[Math.min(turn++, responses.length - 1)] as ScriptedResponse | Error;
};

export function startScripted(script: Script, options: Partial<ClientOptions> = {}) {
  const clock = createFakeClock();
  const sent: SentRequest[] = [];
  const startedMs = clock.now();
  const url = 'http://service.test/base/';

  const fetch: Fetch = async (target, { method, headers, body, signal }) => {
    const path = target.slice(url.length - 1);
    const request = { method, path, headers, body: body as string | undefined, signal, atMs: clock.now() - startedMs };
    sent.push(request);
    const response = script(request);
    if (response instanceof Error) throw response;
    const { status, body: responseBody, headers: responseHeaders = {}, afterMs = 0 } = response;
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new DOMException('This operation was aborted', 'AbortError')));
      if (afterMs === 0) resolve();
      else if (afterMs !== Infinity) clock.after(afterMs, resolve);
    });
    const text = typeof responseBody === 'string' ? responseBody : JSON.stringify(responseBody ?? {});
    return { status, headers: new Headers(responseHeaders), text: () => Promise.resolve(text) };
  };

  /** Moves time until the promise is settled. */
  async function settled<Value>(promise: Promise<Value>): Promise<Value> {
    let isOver = false;
    const watched = promise.finally(() => (isOver = true));
    watched.catch(() => undefined);
    for (let steps = 0; !isOver; steps++) {
      if (steps > 20_000) throw new Error('it does not come to an end');
      await new Promise(setImmediate);
      if (!isOver) clock.advance(20);
    }
    return watched;
  }

  const surroundings = { now: clock.now, after: clock.after, random: () => 0.5 };
  return { client: createClient({ url, fetch, ...options }, surroundings), sent, clock, settled };
}
