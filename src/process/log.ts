// The program's log: JSON lines on standard output, which may be full, gone, or not read.
import { write } from 'node:fs';
import { pino, stdTimeFunctions, type Logger } from 'pino';
import type { Config } from '../config/load.ts';
import { systemClock } from '../domain/clock.ts';
import { openWithoutBlocking } from './descriptors.ts';
import { createLogDestination } from './log-destination.ts';

export interface ProgramLog {
  log: Logger;
  lostLines: () => number;
  /** Writes what waits, for this long at most. */
  flush: (timeoutMs: number) => Promise<void>;
}

export function openLog(level: Config['LOG_LEVEL']): ProgramLog {
  const output = openWithoutBlocking(1);
  const errors = openWithoutBlocking(2);
  const destination = createLogDestination({
    write: (bytes, done) => write(output, bytes, done),
    clock: systemClock,
    onTrouble(reason) {
      const text = `work-factory: the log cannot be written: ${reason}. It goes on without; lost lines are counted.\n`;
      // Standard error may be the same terminal or pipe: then this is lost, too.
      write(errors, text, () => undefined);
    },
    onRecovery: (lines) => log.warn({ lines }, 'log lines were lost: they could not be written'),
  });
  const log = pino({ level, timestamp: stdTimeFunctions.isoTime }, destination);
  return {
    log,
    lostLines: () => destination.lostLines,
    async flush(timeoutMs) {
      await destination.flush(timeoutMs);
      // Where a write can block after all (see descriptors.ts), the exit would wait for it.
      if (destination.isWriting) process.kill(process.pid, 'SIGKILL');
    },
  };
}
