// Limits the log lines of jobs per second, and counts the lines that were left out: a job that logs in a loop must not keep
// the worker busy.
import type { Clock, Timer } from '../domain/clock.ts';
import type { LogLevel } from './messages.ts';

/** The part of pino that is used here. */
export type HandlerLog = Readonly<Record<LogLevel, (fields: object, message: string) => void>>;

export interface LineBudget {
  write(level: LogLevel, message: string, fields: object): void;
  /** Logs the number of lines that were left out. */
  flush(): void;
}

const windowMs = 1000;
/** 1.5 % of one processor at about 15 us a line. */
export const linesPerWindowMax = 1000;

export function createLineBudget(log: HandlerLog, clock: Clock): LineBudget {
  let lines = 0;
  let omitted = 0;
  let windowEndMs = -Infinity;
  let timer: Timer | undefined;

  function flush(): void {
    timer?.cancel();
    timer = undefined;
    if (omitted > 0) log.warn({ omitted }, 'jobs wrote further lines, too many to log');
    omitted = 0;
  }

  return {
    flush,
    write(level, message, fields) {
      const now = clock.now();
      if (now >= windowEndMs) {
        flush();
        lines = 0;
        windowEndMs = now + windowMs;
      }
      if (lines === linesPerWindowMax) {
        omitted++;
        timer ??= clock.after(windowEndMs - now, flush);
        return;
      }
      lines++;
      log[level](fields, message);
    },
  };
}
