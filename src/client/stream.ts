// Any number of jobs in one request. When the connection breaks, another request follows. It has the lines that were not
// sent, and the lines with a key, which make the same job again. Other lines that were sent are reported as unknown.
import { watchSignals } from './abort.ts';
import { abortedBy } from './attempt.ts';
import { resultOf, type Told } from './batch.ts';
import { WorkFactoryError, type Failure } from './error.ts';
import type { Sender } from './sender.ts';
import { createStreamLines, type GivenLine, type LineReport, type OpenLine, type StreamLines } from './stream-lines.ts';
import { runSession, type SessionEnd, type SessionOptions } from './stream-session.ts';
import type { Fetch, Surroundings } from './surroundings.ts';

export interface StreamOptions {
  /** Which lines are reported: all, those that are not enqueued, or none. Default: all. */
  readonly report?: 'all' | 'errors' | 'summary';
  readonly signal?: AbortSignal | undefined;
}

export interface StreamSummary {
  readonly lines: number;
  readonly enqueued: number;
  readonly rejected: number;
  readonly failed: number;
  readonly unknown: number;
}

/** Reports in the order of the lines. The stream waits for a caller that does not read them. */
export interface StreamReports extends AsyncIterable<LineReport> {
  /** Resolves at the end; rejects, as the reading does, when the stream cannot go on. */
  readonly summary: Promise<StreamSummary>;
}

export interface StreamSurroundings {
  readonly sender: Sender;
  readonly fetch: Fetch;
  readonly surroundings: Surroundings;
  readonly url: string;
  readonly apiKey: string | undefined;
  /** Of the client. */
  readonly signal: AbortSignal | undefined;
  /** The longest time without a report. */
  readonly timeoutMs: number;
  readonly attemptTimeoutMs: number;
  readonly waitsForService: boolean;
}

/**
 * Lines that are sent and not reported: when the connection breaks they become unknown. The limit is four times the lines
 * that the service pushes at once, so that it has work while reports travel.
 */
const linesMax = 4000;
/** Reports that nobody has read. */
const reportsMax = 1000;
/** Requests in a row without a report. */
const attemptsMax = 20;

export function startStream(
  source: AsyncIterable<GivenLine> | Iterable<GivenLine>,
  { report = 'all', signal }: StreamOptions,
  options: StreamSurroundings,
): StreamReports {
  const { sender, waitsForService } = options;
  const counts = { lines: 0, enqueued: 0, rejected: 0, failed: 0, unknown: 0 };
  const stopped = new AbortController();
  const signals = [options.signal, signal, stopped.signal].filter((one) => one !== undefined);
  const reports = createQueue<LineReport>(reportsMax);
  const patience = createPatience(options);
  const lines = createStreamLines({
    source,
    untilWanted: reports.untilRoom,
    tell(one) {
      counts.lines += 1;
      counts[one.status] += 1;
      if (report === 'all' || (report === 'errors' && one.status !== 'enqueued')) reports.push(one);
    },
  });

  async function onReport(line: OpenLine, told: Told): Promise<void> {
    patience.renew();
    lines.settle(line, resultOf(told, false));
    await reports.untilRoom();
  }

  async function goOn(end: Exclude<SessionEnd, { kind: 'ended' }>): Promise<void> {
    const { failure } = end;
    settleUnknown(lines, end);
    const outcome = counts.unknown > 0 ? 'unknown' : 'not_enqueued';
    if (signals.some(({ aborted }) => aborted)) throw new WorkFactoryError(abortedBy(signals, outcome));
    const pauseMs = patience.pauseMs(failure);
    const isAway = failure.code === 'not_connected' && counts.lines === 0 && !waitsForService;
    if (pauseMs === undefined || (end.kind === 'failed' && !end.mayPass) || isAway)
      throw new WorkFactoryError({ ...failure, outcome, attempts: patience.attempts });
    await sender.pause(pauseMs, signal);
  }

  async function run(): Promise<StreamSummary> {
    const abort = watchAbort(signals, reports.end);
    try {
      // Without a line no connection is needed: the source may take its time.
      while (await Promise.race([lines.waitBehind(0), abort.aborted])) {
        patience.begin();
        const end = await runSession(lines, sessionOptionsOf(options, signals), onReport);
        if (end.kind !== 'ended') await goOn(end);
      }
      return counts;
    } finally {
      abort.unwatch();
      lines.stop();
      reports.end();
    }
  }

  const summary = run();
  // A caller that only reads the reports learns of the failure there.
  summary.catch(() => undefined);
  const stop = (): void => stopped.abort();
  return { summary, [Symbol.asyncIterator]: () => readReports(reports, summary, stop) };
}

/** @param stop ends the stream of a caller that reads no further */
async function* readReports(
  reports: Queue<LineReport>,
  summary: Promise<StreamSummary>,
  stop: () => void,
): AsyncGenerator<LineReport> {
  try {
    yield* reports.read();
    await summary;
  } finally {
    stop();
    reports.end();
  }
}

/** Lines that were sent and not reported may be stored. A line with a key makes the same job when it is sent again. */
function settleUnknown(lines: StreamLines, end: SessionEnd): void {
  if (end.kind !== 'failed' || end.failure.outcome === 'not_enqueued') return;
  const { code, detail } = end.failure;
  for (const line of lines.openUpTo(end.lastSent))
    if (!line.isKeyed) lines.settle(line, { status: 'unknown', code, detail });
}

const sessionOptionsOf = (
  { fetch, surroundings, url, apiKey, attemptTimeoutMs: silenceMs }: StreamSurroundings,
  signals: readonly AbortSignal[],
): SessionOptions => ({
  ...{ fetch, surroundings, signals, linesMax, silenceMs },
  url: `${new URL(url).href.replace(/\/+$/, '')}/jobs/stream`,
  headers: {
    'content-type': 'application/x-ndjson',
    ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
  },
});

/** Calls `onAbort` at an abort, even when nobody reads the reports any more. */
function watchAbort(
  signals: readonly AbortSignal[],
  onAbort: () => void,
): { aborted: Promise<never>; unwatch: () => void } {
  let unwatch = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    unwatch = watchSignals(signals, () => {
      onAbort();
      reject(new WorkFactoryError(abortedBy(signals, 'not_enqueued')));
    });
  });
  aborted.catch(() => undefined);
  return { aborted, unwatch };
}

/** Limits how often, and how long, the stream goes on without a report. */
function createPatience({ sender, surroundings: { now }, timeoutMs }: StreamSurroundings) {
  let progressMs = now();
  /** Requests in a row that ended without a report. */
  let attempts = 0;
  return {
    get attempts(): number {
      return attempts;
    },
    /** A request begins. The time that the source took before the first one does not count. */
    begin(): void {
      if (attempts === 0) progressMs = now();
    },
    /** A line was reported. */
    renew(): void {
      progressMs = now();
      attempts = 0;
    },
    /** The pause after a request that ended with this failure; undefined: no other request. */
    pauseMs({ retryAfterMs = 0 }: Failure): number | undefined {
      attempts += 1;
      const ms = retryAfterMs + sender.pauseMs(attempts);
      return attempts >= attemptsMax || now() + ms - progressMs > timeoutMs ? undefined : ms;
    },
  };
}

/** Items on their way to one reader. */
interface Queue<Item> {
  push(item: Item): void;
  end(): void;
  /** Resolves when fewer than the limit wait, or at the end. */
  untilRoom(): Promise<void>;
  read(): AsyncGenerator<Item>;
}

function createQueue<Item>(itemsMax: number): Queue<Item> {
  let items: Item[] = [];
  let isOver = false;
  const waiting: (() => void)[] = [];
  const wake = (): void => waiting.splice(0).forEach((resume) => resume());
  const change = (): Promise<void> => new Promise((resolve) => void waiting.push(resolve));
  return {
    push(item) {
      items.push(item);
      wake();
    },
    end() {
      isOver = true;
      wake();
    },
    async untilRoom() {
      while (items.length >= itemsMax && !isOver) await change();
    },
    async *read() {
      for (;;) {
        const taken = items;
        items = [];
        if (taken.length > 0) wake();
        yield* taken;
        if (items.length > 0) continue;
        if (isOver) return;
        await change();
      }
    },
  };
}
