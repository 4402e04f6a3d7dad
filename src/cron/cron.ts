// Decides which ticks are due, and begins them. Every process with the API role does so: there is no leader, and
// tick.ts sees to it that a tick is enqueued once.
import type { Timer } from '../domain/clock.ts';
import type { CronView, LastTick, Schedule } from '../domain/cron.ts';
import type { JobType } from '../domain/job-type.ts';
import { lateMsMax, runTick, type TickOptions } from './tick.ts';

export interface CronOptions extends TickOptions {
  types: readonly JobType[];
}

export interface Cron extends CronView {
  /** Ticks before are missed. */
  start(): void;
  /** Begins no tick from now on; resolves when those under way have ended. */
  close(): Promise<void>;
}

/** Longest time between two looks at the clock: it may be set, and timers stand still while the machine sleeps. */
const lookMsMax = 1000;
/** A clock that goes back by more was set; then what is next is found anew. */
const backMsMax = 1000;
/** Between two questions to a store that does not tell the last tick. */
const askAgainMs = 5000;

/** A schedule of a type, and its next tick. */
interface Line {
  readonly type: JobType;
  readonly schedule: Schedule;
  /** Infinity: there is none. */
  nextMs: number;
}

export function createCron(options: CronOptions): Cron {
  const { clock, ticks, log, types } = options;
  const running = new Set<Promise<void>>();
  const pauses = new Set<() => void>();
  let isClosed = false;
  let timer: Timer | undefined;
  let seenMs = clock.wallMs();

  const after = (schedule: Schedule, timeMs: number): number => schedule.nextAfter(timeMs) ?? Infinity;

  const lines: Line[] = types.flatMap((type) =>
    (type.schedules ?? []).map((schedule) => ({ type, schedule, nextMs: after(schedule, seenMs) })),
  );

  /** False: nothing new may begin. */
  function pause(ms: number): Promise<boolean> {
    if (isClosed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (): void => {
        waiting.cancel();
        pauses.delete(end);
        resolve(!isClosed);
      };
      const waiting = clock.after(ms, end);
      pauses.add(end);
    });
  }

  function run(work: Promise<void>): void {
    const ended = work
      .catch((error: unknown) => log.error({ err: error }, 'a schedule failed'))
      .finally(() => running.delete(ended));
    running.add(ended);
  }

  function begin({ type, schedule }: Line, atMs: number, untilMs: number): void {
    run(runTick({ type, schedule, atMs, untilMs }, options, pause));
  }

  /** Begins what is due of one schedule. */
  function serve(line: Line, nowMs: number): void {
    const { schedule } = line;
    if (line.nextMs < nowMs - lateMsMax) {
      const missedMs = line.nextMs;
      line.nextMs = after(schedule, nowMs - lateMsMax - 1);
      const about = { schedule: schedule.name, since: new Date(missedMs).toISOString() };
      log.warn(about, 'this process stood still, or its clock was set: ticks are missed, unless another process ran');
      const latestMs = schedule.catchUp ? schedule.latestUntil(nowMs) : undefined;
      if (latestMs !== undefined && line.nextMs > nowMs) begin(line, latestMs, line.nextMs);
    }
    while (line.nextMs <= nowMs) {
      const atMs = line.nextMs;
      line.nextMs = after(schedule, atMs);
      begin(line, atMs, line.nextMs);
    }
  }

  /** Finding the next tick takes about a millisecond: other work comes between two schedules. */
  const turn = (): Promise<void> => new Promise((resolve) => clock.soon(resolve));

  async function look(): Promise<void> {
    const nowMs = clock.wallMs();
    if (nowMs < seenMs - backMsMax) for (const line of lines) line.nextMs = after(line.schedule, nowMs);
    seenMs = nowMs;
    try {
      for (const line of lines) {
        if (line.nextMs > nowMs) continue;
        serve(line, nowMs);
        await turn();
        if (isClosed) return;
      }
    } finally {
      arm();
    }
  }

  function arm(): void {
    if (isClosed) return;
    const earliestMs = Math.min(...lines.map(({ nextMs }) => nextMs));
    const delayMs = Math.min(Math.max(0, earliestMs - clock.wallMs()), lookMsMax);
    timer = clock.after(delayMs, () => run(look()));
  }

  /** What was missed while nothing ran. */
  async function lookBack(line: Line): Promise<void> {
    const { schedule, nextMs } = line;
    const latestMs = schedule.latestUntil(seenMs);
    if (latestMs === undefined) return;
    while (clock.wallMs() < nextMs) {
      try {
        const [last] = await ticks.last([schedule.name]);
        if (!isClosed && hasMissed(schedule, last, latestMs)) begin(line, latestMs, nextMs);
        return;
      } catch (error) {
        log.warn({ schedule: schedule.name, error: (error as Error).message }, 'the last tick is not known yet');
      }
      if (!(await pause(askAgainMs))) return;
    }
  }

  return {
    start() {
      seenMs = clock.wallMs();
      for (const line of lines) line.nextMs = after(line.schedule, seenMs);
      for (const line of lines) if (line.schedule.catchUp) run(lookBack(line));
      if (lines.length > 0) arm();
    },
    async list() {
      const last = lines.length === 0 ? [] : await ticks.last(lines.map(({ schedule }) => schedule.name));
      return lines.map(({ type, schedule: { name, pattern, timeZone, catchUp }, nextMs }, index) => {
        const next = nextMs === Infinity ? undefined : nextMs;
        return { name, operation: type.name, pattern, timeZone, catchUp, nextMs: next, last: last[index] };
      });
    },
    async close() {
      isClosed = true;
      timer?.cancel();
      for (const end of [...pauses]) end();
      while (running.size > 0) await Promise.all(running);
    },
  };
}

/** A schedule that is new, or has changed, has missed nothing. */
const hasMissed = ({ pattern, timeZone }: Schedule, last: LastTick | undefined, latestMs: number): boolean =>
  last !== undefined && last.pattern === pattern && last.timeZone === timeZone && last.atMs < latestMs;
