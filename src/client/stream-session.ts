// One request of a stream: lines go out and reports come in until it ends or fails.
import { watchSignals } from './abort.ts';
import { failedBy, readResponse } from './attempt.ts';
import type { Told } from './batch.ts';
import type { Failure } from './error.ts';
import { createStreamBody, type StreamBody } from './stream-body.ts';
import type { OpenLine, StreamLines } from './stream-lines.ts';
import type { Fetch, Surroundings } from './surroundings.ts';
import { createUnreported, type Unreported } from './unreported.ts';

export interface SessionOptions {
  readonly fetch: Fetch;
  readonly surroundings: Surroundings;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly signals: readonly AbortSignal[];
  /** Limit of lines that are sent and not reported. */
  readonly linesMax: number;
  /** The connection counts as lost after this long without a byte while reports are due. */
  readonly silenceMs: number;
}

/**
 * `ended`: the service has read all lines. `left`: it reads no more, and has reported all that it read. `failed`: the lines
 * that were sent and are not reported may be stored, unless `failure` says that nothing is.
 */
export type SessionEnd =
  | { readonly kind: 'ended' }
  | { readonly kind: 'left'; readonly failure: Failure }
  | {
      readonly kind: 'failed';
      readonly failure: Failure;
      readonly mayPass: boolean;
      /** No line behind this one was sent. */
      readonly lastSent: number;
    };

interface Summary {
  readonly completed: boolean;
  readonly code?: string;
  readonly detail?: string;
}
type Reported = Told & { readonly line?: number; readonly summary?: Summary };

async function* readLines(body: ReadableStream<Uint8Array>, onChunk: () => void): AsyncGenerator<Reported> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onChunk();
    const texts = (rest + decoder.decode(value, { stream: true })).split('\n');
    rest = texts.pop() ?? '';
    for (const text of texts) yield JSON.parse(text) as Reported;
  }
}

/** @param onReport resolves when the next report may come */
export async function runSession(
  lines: StreamLines,
  options: SessionOptions,
  onReport: (line: OpenLine, told: Told) => Promise<void>,
): Promise<SessionEnd> {
  const { surroundings, signals, linesMax, silenceMs } = options;
  const controller = new AbortController();
  const body = createStreamBody(surroundings);
  const unreported = createUnreported(linesMax);
  const onSilence = (error: Error): void => controller.abort(error);
  const silence = watchSilence(surroundings, silenceMs, () => unreported.count > 0, onSilence);
  const session: Session = { lines, body, unreported, silence, onReport };
  let sourceError: { readonly error: unknown } | undefined;
  const unwatch = watchSignals(signals, () => controller.abort());
  void sendLines(session).catch((error: unknown) => {
    sourceError = { error };
    controller.abort();
  });
  try {
    return await receive(session, options, controller.signal);
  } catch (cause) {
    if (sourceError) throw sourceError.error;
    return { kind: 'failed', lastSent: unreported.lastSent, ...failedBy(cause) };
  } finally {
    unreported.end();
    silence.cancel();
    unwatch();
    body.end();
    controller.abort();
  }
}

interface Session {
  readonly lines: StreamLines;
  readonly body: StreamBody;
  readonly unreported: Unreported;
  readonly silence: Silence;
  readonly onReport: (line: OpenLine, told: Told) => Promise<void>;
}

async function sendLines({ lines, body, unreported, silence }: Session): Promise<void> {
  while (await unreported.untilRoom()) {
    if (!(await lines.waitBehind(unreported.lastSent))) break;
    const next = unreported.isOver ? undefined : lines.nextBehind(unreported.lastSent);
    if (next === undefined) break;
    if (unreported.count === 0) silence.heard();
    unreported.add(next.line);
    await body.write(next.text);
  }
  if (!unreported.isOver) body.close();
}

async function receive(
  { lines, body, unreported, silence, onReport }: Session,
  { fetch, url, headers }: SessionOptions,
  signal: AbortSignal,
): Promise<SessionEnd> {
  const init = { method: 'POST', headers, body: body.stream, duplex: 'half' as const, redirect: 'manual' as const };
  const response = await fetch(url, { ...init, signal });
  if (response.status !== 200 || !response.body) {
    const end = readResponse(response, await response.text());
    return 'failure' in end
      ? { kind: 'failed', lastSent: unreported.lastSent, ...end }
      : brokenAt(unreported.lastSent, 'The response is not one of a stream');
  }
  for await (const told of readLines(response.body, silence.heard)) {
    if (told.summary) return endBy(told.summary, unreported);
    const next = lines.first();
    unreported.report();
    if (told.line !== unreported.reported || next === undefined || next.line > unreported.lastSent)
      return brokenAt(unreported.lastSent, 'The service reported another line than the next one');
    await onReport(next, told);
    silence.heard();
  }
  return brokenAt(unreported.lastSent, 'The response ended without a summary');
}

interface Silence {
  /** Something came, or reports are due from now on. */
  heard(): void;
  cancel(): void;
}

/** Calls `onSilence` when reports are due and nothing has come for `silenceMs`. */
function watchSilence(
  { after, now }: Surroundings,
  silenceMs: number,
  isDue: () => boolean,
  onSilence: (error: Error) => void,
): Silence {
  let heardMs = now();
  let timer = after(silenceMs, look);
  function look(): void {
    const leftMs = heardMs + silenceMs - now();
    if (leftMs <= 0 && isDue()) return onSilence(new Error(`Nothing came for ${silenceMs} ms`));
    timer = after(Math.max(leftMs, 1000), look);
  }
  return { heard: () => void (heardMs = now()), cancel: () => timer.cancel() };
}

const brokenAt = (lastSent: number, detail: string): SessionEnd => ({
  kind: 'failed',
  failure: { outcome: 'unknown', code: 'connection_lost', detail },
  mayPass: true,
  lastSent,
});

function endBy({ completed, code = '', detail = '' }: Summary, { count, lastSent }: Unreported): SessionEnd {
  if (!completed) return { kind: 'left', failure: { outcome: 'not_enqueued', code, detail } };
  return count === 0 ? { kind: 'ended' } : brokenAt(lastSent, 'The service has not reported all lines');
}
