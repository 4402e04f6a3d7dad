// One request of a stream: lines go out and reports come in until it ends or fails.
import { watchSignals } from './abort.ts';
import { failedBy, readResponse } from './attempt.ts';
import type { Told } from './batch.ts';
import type { Failure } from './error.ts';
import type { OpenLine, StreamLines } from './stream-lines.ts';
import type { Fetch, Surroundings } from './surroundings.ts';

export interface SessionOptions {
  readonly fetch: Fetch;
  readonly surroundings: Surroundings;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly signals: readonly AbortSignal[];
  /** Limit of lines that are sent and not reported. */
  readonly linesMax: number;
  /** After so long without a byte, while reports are due, the connection counts as lost. */
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

const encoder = new TextEncoder();
/** Lines leave together when they have so many characters, or after this turn of the event loop. */
const flushChars = 16_384;
/** Of the queue of the body's stream. */
const bodyBytesMax = 65_536;

/** The body of the request, with backpressure. */
function createBody({ after }: Surroundings) {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let isClosed = false;
  let text = '';
  let timer: { cancel(): void } | undefined;
  let wake = (): void => undefined;

  function flush(): void {
    timer?.cancel();
    timer = undefined;
    if (isClosed || text === '') return;
    controller?.enqueue(encoder.encode(text));
    text = '';
  }
  function end(): void {
    isClosed = true;
    wake();
  }
  const stream = new ReadableStream<Uint8Array>(
    { start: (own) => void (controller = own), pull: () => wake(), cancel: end },
    { highWaterMark: bodyBytesMax, size: (chunk) => chunk.byteLength },
  );
  return {
    stream,
    async write(line: string): Promise<void> {
      text += `${line}\n`;
      if (text.length < flushChars) timer ??= after(0, flush);
      else flush();
      while (!isClosed && (controller?.desiredSize ?? 1) <= 0) await new Promise<void>((resolve) => (wake = resolve));
    },
    close(): void {
      flush();
      if (!isClosed) controller?.close();
      end();
    },
    end,
  };
}

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
  const { fetch, surroundings, url, headers, signals, linesMax, silenceMs } = options;
  const controller = new AbortController();
  const body = createBody(surroundings);
  const silence = watchSilence(
    surroundings,
    silenceMs,
    () => sent > reported,
    (error) => controller.abort(error),
  );
  let isOver = false;
  let sent = 0;
  let reported = 0;
  let lastSent = 0;
  let wake = (): void => undefined;
  let sourceError: { readonly error: unknown } | undefined;

  async function send(): Promise<void> {
    while (!isOver) {
      while (!isOver && sent - reported >= linesMax) await new Promise<void>((resolve) => (wake = resolve));
      if (isOver || !(await lines.waitBehind(lastSent))) break;
      const next = isOver ? undefined : lines.nextBehind(lastSent);
      if (next === undefined) break;
      if (sent === reported) silence.heard();
      lastSent = next.line;
      sent += 1;
      await body.write(next.text);
    }
    if (!isOver) body.close();
  }

  async function receive(): Promise<SessionEnd> {
    const init = { method: 'POST', headers, body: body.stream, duplex: 'half' as const, redirect: 'manual' as const };
    const response = await fetch(url, { ...init, signal: controller.signal });
    if (response.status !== 200 || !response.body) {
      const end = readResponse(response, await response.text());
      return 'failure' in end
        ? { kind: 'failed', lastSent, ...end }
        : brokenAt(lastSent, 'The response is not one of a stream');
    }
    for await (const told of readLines(response.body, silence.heard)) {
      if (told.summary) return endBy(told.summary, lastSent, sent - reported);
      const next = lines.first();
      reported += 1;
      if (told.line !== reported || next === undefined || next.line > lastSent)
        return brokenAt(lastSent, 'The service reported another line than the next one');
      await onReport(next, told);
      silence.heard();
      wake();
    }
    return brokenAt(lastSent, 'The response ended without a summary');
  }

  const unwatch = watchSignals(signals, () => controller.abort());
  void send().catch((error: unknown) => {
    sourceError = { error };
    controller.abort();
  });
  try {
    return await receive();
  } catch (cause) {
    if (sourceError) throw sourceError.error;
    return { kind: 'failed', lastSent, ...failedBy(cause) };
  } finally {
    isOver = true;
    silence.cancel();
    unwatch();
    body.end();
    wake();
    controller.abort();
  }
}

/** Tells when reports are due, and nothing has come for so long. */
function watchSilence(
  { after, now }: Surroundings,
  silenceMs: number,
  isDue: () => boolean,
  onSilence: (error: Error) => void,
): { heard(): void; cancel(): void } {
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

function endBy({ completed, code = '', detail = '' }: Summary, lastSent: number, unreported: number): SessionEnd {
  if (!completed) return { kind: 'left', failure: { outcome: 'not_enqueued', code, detail } };
  return unreported === 0 ? { kind: 'ended' } : brokenAt(lastSent, 'The service has not reported all lines');
}
