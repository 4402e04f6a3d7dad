// Patterns of schedules, read by croner 11. Its timers are not used: line.ts decides when a tick is due.
import { Cron } from 'croner';
import type { Schedule } from '../domain/cron.ts';

export type Pattern = Pick<Schedule, 'nextAfter' | 'latestUntil'>;

/** croner also takes a date, a nickname (`@daily`) and a seventh field with years. */
const fieldsPattern = /^\s*\S+(\s+\S+){4,5}\s*$/;

export function isTimeZone(name: string): boolean {
  try {
    return name !== '' && new Intl.DateTimeFormat('en', { timeZone: name }).format() !== '';
  } catch {
    return false;
  }
}

/**
 * When clocks go forward, a time in the gap is moved to the end of the gap. When they go back, a time that comes twice is used
 * once. A pattern with `*` or a step in its seconds, minutes or hours follows real time instead: nothing is moved, and both hours
 * are used.
 *
 * @param timeZone a name for which `isTimeZone` holds
 */
export function readPattern(pattern: string, timeZone: string): Pattern | { problem: string } {
  if (!fieldsPattern.test(pattern)) return { problem: 'must have five fields, or six with seconds first' };
  try {
    const cron = new Cron(pattern, {
      timezone: timeZone,
      mode: '5-or-6-parts',
      fixedTimeRule: 'no-wildcard',
      paused: true,
    });
    const nextAfter = (timeMs: number): number | undefined => cron.nextRun(new Date(timeMs))?.getTime();
    if (nextAfter(Date.now()) === undefined) return { problem: 'never comes' };
    return {
      nextAfter,
      // `previousRuns` excludes the given time.
      latestUntil: (timeMs) => cron.previousRuns(1, new Date(timeMs + 1))[0]?.getTime(),
    };
  } catch (error) {
    return { problem: `cannot be read: ${(error as Error).message.replace(/^CronPattern: /, '')}` };
  }
}
