// Decides which ticks are due, and begins them. Every process with the API role does so: there is no leader, and
// tick.ts sees to it that a tick is enqueued once.
import type { Timer } from '../domain/clock.ts';
import type { CronView, LastTick, Schedule, ScheduleState } from '../domain/cron.ts';
import type { JobType } from '../domain/job-type.ts';
import { createLine, lateMsMax, type Line } from './line.ts';
import { runTick, type TickOptions } from './tick.ts';
import { createWorks } from './works.ts';

export interface CronOptions extends TickOptions {
  types: readonly JobType[];
}

export interface Cron extends CronView {
  /** Begins ticks. A tick before this call counts as missed. */
  start(): void;
  /** Begins no tick from now on; resolves when those under way have ended. */
  close(): Promise<void>;
}

/** The longest time between two looks at the clock, because the clock may be set, and timers stop while the machine sleeps. */
const lookMsMax = 1000;
/** A clock that goes back further was set. Then the next tick of each schedule is found anew. */
const backMsMax = 1000;
/** The pause before a store that did not know its last tick is asked again. */
const askAgainMs = 5000;

export function createCron(options: CronOptions): Cron {
  const { clock, ticks, log, types } = options;
  const works = createWorks(clock, (error) => log.error({ err: error }, 'a schedule failed'));
  let timer: Timer | undefined;
  let seenMs = clock.wallMs();
  const lines = types.flatMap((type) => (type.schedules ?? []).map((schedule) => createLine(type, schedule, seenMs)));

  function begin({ type, schedule }: Line, atMs: number, untilMs: number): void {
    works.run(runTick({ type, schedule, atMs, untilMs }, options, works.pause));
  }

  async function look(): Promise<void> {
    const nowMs = clock.wallMs();
    if (nowMs < seenMs - backMsMax) for (const line of lines) line.reset(nowMs);
    seenMs = nowMs;
    try {
      for (const line of lines) {
        if (line.nextMs > nowMs) continue;
        if (line.nextMs < nowMs - lateMsMax) warnOfMissed(log, line);
        for (const { atMs, untilMs } of line.due(nowMs)) begin(line, atMs, untilMs);
        // Finding the next tick takes about a millisecond: other work comes between two schedules.
        await new Promise<void>((resolve) => clock.soon(resolve));
        if (works.isClosed) return;
      }
    } finally {
      arm();
    }
  }

  function arm(): void {
    if (works.isClosed) return;
    const earliestMs = Math.min(...lines.map(({ nextMs }) => nextMs));
    const delayMs = Math.min(Math.max(0, earliestMs - clock.wallMs()), lookMsMax);
    timer = clock.after(delayMs, () => works.run(look()));
  }

  /** Makes up the latest tick that was missed while nothing ran. */
  async function lookBack(line: Line): Promise<void> {
    const { schedule, nextMs } = line;
    const latestMs = schedule.latestUntil(seenMs);
    if (latestMs === undefined) return;
    while (clock.wallMs() < nextMs) {
      try {
        const [last] = await ticks.last([schedule.name]);
        if (!works.isClosed && hasMissed(schedule, last, latestMs)) begin(line, latestMs, nextMs);
        return;
      } catch (error) {
        log.warn({ schedule: schedule.name, error: (error as Error).message }, 'the last tick is not known yet');
      }
      if (!(await works.pause(askAgainMs))) return;
    }
  }

  return {
    start() {
      seenMs = clock.wallMs();
      for (const line of lines) line.reset(seenMs);
      for (const line of lines) if (line.schedule.catchUp) works.run(lookBack(line));
      if (lines.length > 0) arm();
    },
    async list() {
      const last = lines.length === 0 ? [] : await ticks.last(lines.map(({ schedule }) => schedule.name));
      return lines.map((line, index) => stateOf(line, last[index]));
    },
    close() {
      timer?.cancel();
      return works.close();
    },
  };
}

function warnOfMissed(log: CronOptions['log'], { schedule, nextMs }: Line): void {
  const about = { schedule: schedule.name, since: new Date(nextMs).toISOString() };
  log.warn(about, 'this process stood still, or its clock was set: ticks are missed, unless another process ran');
}

function stateOf({ type, schedule, nextMs }: Line, last: LastTick | undefined): ScheduleState {
  const { name, pattern, timeZone, catchUp } = schedule;
  const next = nextMs === Infinity ? undefined : nextMs;
  return { name, operation: type.name, pattern, timeZone, catchUp, nextMs: next, last };
}

/** A schedule that is new or has changed has missed no tick. */
const hasMissed = ({ pattern, timeZone }: Schedule, last: LastTick | undefined, latestMs: number): boolean =>
  last !== undefined && last.pattern === pattern && last.timeZone === timeZone && last.atMs < latestMs;
