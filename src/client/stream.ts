// Any number of jobs in one request, or in as many as it takes: when the connection breaks, lines that were not sent, or are
// the same job when they are sent again, go on in the next one; the others are reported as unknown.
import { watchSignals } from './abort.ts';
import { abortedBy } from './attempt.ts';
import { resultOf, type Told } from './batch.ts';
import { WorkFactoryError } from './error.ts';
import type { Sender } from './sender.ts';
import { createStreamLines, type GivenLine, type LineReport, type OpenLine } from './stream-lines.ts';
import { runSession, type SessionEnd } from './stream-session.ts';
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

/** Reports in the order of the lines. Whoever does not read them holds up the stream. */
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
  /** Without a line that is reported. */
  readonly timeoutMs: number;
  readonly attemptTimeoutMs: number;
  readonly waitsForService: boolean;
}

/** Sent and not reported: what a cut makes unknown. Four times what the service pushes at once, for the way there and back. */
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
  const { sender, surroundings, timeoutMs } = options;
  const counts = { lines: 0, enqueued: 0, rejected: 0, failed: 0, unknown: 0 };
  const stopped = new AbortController();
  const signals = [options.signal, signal, stopped.signal].filter((one) => one !== undefined);
  const reports = createQueue<LineReport>(reportsMax);
  let progressMs = surroundings.now();
  let attempts = 0;
  const lines = createStreamLines({
    source,
    untilWanted: reports.untilRoom,
    tell(one) {
      counts.lines += 1;
      counts[one.status] += 1;
      if (report === 'all' || (report === 'errors' && one.status !== 'enqueued')) reports.push(one);
    },
  });
  const sessionOptions = {
    ...{ fetch: options.fetch, surroundings, signals, linesMax, silenceMs: options.attemptTimeoutMs },
    url: `${new URL(options.url).href.replace(/\/+$/, '')}/jobs/stream`,
    headers: {
      'content-type': 'application/x-ndjson',
      ...(options.apiKey !== undefined && { authorization: `Bearer ${options.apiKey}` }),
    },
  };

  async function onReport(line: OpenLine, told: Told): Promise<void> {
    progressMs = surroundings.now();
    attempts = 0;
    lines.settle(line, resultOf(told, false));
    await reports.untilRoom();
  }

  async function goOn(end: Exclude<SessionEnd, { kind: 'ended' }>): Promise<void> {
    const { failure } = end;
    if (end.kind === 'failed' && failure.outcome !== 'not_enqueued')
      for (const line of lines.openUpTo(end.lastSent))
        if (!line.isKeyed) lines.settle(line, { status: 'unknown', code: failure.code, detail: failure.detail });
    const outcome = counts.unknown > 0 ? 'unknown' : 'not_enqueued';
    if (signals.some(({ aborted }) => aborted)) throw new WorkFactoryError(abortedBy(signals, outcome));
    attempts += 1;
    const pauseMs = (failure.retryAfterMs ?? 0) + sender.pauseMs(attempts);
    const isLate = surroundings.now() + pauseMs - progressMs > timeoutMs;
    const isAway = failure.code === 'not_connected' && counts.lines === 0 && !options.waitsForService;
    if ((end.kind === 'failed' && !end.mayPass) || attempts >= attemptsMax || isLate || isAway)
      throw new WorkFactoryError({ ...failure, outcome, attempts });
    await sender.pause(pauseMs, signal);
  }

  async function run(): Promise<StreamSummary> {
    let unwatch = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      unwatch = watchSignals(signals, () => {
        // Nobody may be reading any more.
        reports.end();
        reject(new WorkFactoryError(abortedBy(signals, 'not_enqueued')));
      });
    });
    aborted.catch(() => undefined);
    try {
      // Without a line there is nothing to connect for: the source may take its time.
      while (await Promise.race([lines.waitBehind(0), aborted])) {
        if (attempts === 0) progressMs = surroundings.now();
        const end = await runSession(lines, sessionOptions, onReport);
        if (end.kind !== 'ended') await goOn(end);
      }
      return counts;
    } finally {
      unwatch();
      lines.stop();
      reports.end();
    }
  }

  const summary = run();
  // Who only reads the reports is told there.
  summary.catch(() => undefined);

  async function* read(): AsyncGenerator<LineReport> {
    try {
      yield* reports.read();
      await summary;
    } finally {
      stopped.abort();
      reports.end();
    }
  }
  return { summary, [Symbol.asyncIterator]: read };
}

/** Items on their way to one reader. */
function createQueue<Item>(itemsMax: number) {
  let items: Item[] = [];
  let isOver = false;
  const waiting: (() => void)[] = [];
  const wake = (): void => waiting.splice(0).forEach((resume) => resume());
  const change = (): Promise<void> => new Promise((resolve) => void waiting.push(resolve));
  return {
    push(item: Item): void {
      items.push(item);
      wake();
    },
    end(): void {
      isOver = true;
      wake();
    },
    untilRoom: async (): Promise<void> => {
      while (items.length >= itemsMax && !isOver) await change();
    },
    async *read(): AsyncGenerator<Item> {
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
