// The live metrics: one reading a second for all pages that watch, and none without a page. The last minutes are kept, so that a
// page that is opened again has its charts.
import type { BrokerPoll, BrokerState } from '../../domain/broker-state.ts';
import type { Clock, Timer } from '../../domain/clock.ts';
import type { Readiness } from '../../domain/readiness.ts';
import type { Trouble } from '../../domain/trouble.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { consoleHistoryPoints, consoleTickMs } from '../limits.ts';
import { queuedJobs, readFigures, type Counts } from './figures.ts';
import { pointBetween, type Levels, type Point } from './rates.ts';

export interface FeedOptions {
  metrics: Pick<Metrics, 'render'>;
  poll: BrokerPoll;
  readiness: Readiness;
  clock: Clock;
  /** The latest lines of this process's log at warn or above. There is another array after each new line. */
  troubles: () => readonly Trouble[];
  /** Names the process whose metrics these are. */
  about: object;
}

/** Events are text as `text/event-stream` has it (WHATWG HTML, section 9.2). */
export interface Feed {
  /** Calls back once a second, until the returned function is called. */
  watch(take: (event: string) => void): () => void;
  /** The first event of a watcher. */
  opening(): string;
}

/** Rates cover the last seconds: with a job every other second they would jump otherwise. */
const rateTicks = 5;
/** After a longer pause a rate would mix two times. */
const gapMs = 3 * consoleTickMs;

const eventOf = (name: string, data: object): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

export function createFeed({ metrics, poll, readiness, clock, troubles, about }: FeedOptions): Feed {
  const watchers = new Set<(event: string) => void>();
  const points = createPoints(clock);
  let told: readonly Trouble[] = [];
  let latest = { event: '', atMs: -Infinity };
  let timer: Timer | undefined;
  let isReading = false;

  /** All troubles when some are new, because there are few. */
  function newTroubles(): object {
    const now = troubles();
    if (now === told) return {};
    told = now;
    return { troubles: now };
  }

  async function read(): Promise<object> {
    const [page, state, { body }] = await Promise.all([metrics.render(), poll.look(), readiness()]);
    const { offered, responses, ...figures } = readFigures(page, state);
    const point = points.add({ offered, responses }, state);
    return { at: Date.now(), readiness: body, ...figures, point, ...newTroubles() };
  }

  async function tick(): Promise<void> {
    timer = undefined;
    if (watchers.size === 0) return;
    isReading = true;
    const event = await read().then(
      (figures) => eventOf('figures', figures),
      // The page of several processes may not come (src/supervisor/member.ts).
      () => eventOf('missing', { at: Date.now() }),
    );
    isReading = false;
    latest = { event, atMs: clock.now() };
    for (const take of watchers) take(event);
    timer = clock.after(consoleTickMs, () => void tick());
  }

  return {
    watch(take) {
      watchers.add(take);
      if (!isReading) timer ??= clock.after(0, () => void tick());
      return () => {
        watchers.delete(take);
      };
    },
    opening() {
      const opening = eventOf('opening', { ...about, history: points.history, troubles: troubles() });
      return clock.now() - latest.atMs < gapMs ? opening + latest.event : opening;
    },
  };
}

interface Points {
  /** The points so far, the oldest first. */
  readonly history: readonly Point[];
  /** Null: one reading alone makes no rate. */
  add(counters: Pick<Counts, 'offered' | 'responses'>, state: BrokerState | undefined): Point | null;
}

function createPoints(clock: Clock): Points {
  const history: Point[] = [];
  let counts: Counts[] = [];
  return {
    history,
    add(counters, state) {
      const atMs = clock.now();
      if (atMs - (counts.at(-1)?.atMs ?? atMs) > gapMs) counts = [];
      const now: Counts = { ...counters, atMs, processed: state?.processed, failures: state?.failures };
      const [before] = counts;
      counts = [...counts, now].slice(-rateTicks);
      if (before === undefined || atMs <= before.atMs) return null;
      const point = pointBetween(before, now, levelsOf(state));
      history.push(point);
      if (history.length > consoleHistoryPoints) history.shift();
      return point;
    },
  };
}

function levelsOf(state: BrokerState | undefined): Levels {
  const at = Date.now();
  if (state === undefined) return { at, queued: null, latency: null };
  const latency = state.queues.reduce((most, { latencySeconds = 0 }) => Math.max(most, latencySeconds), 0);
  return { at, queued: queuedJobs(state.queues), latency };
}
