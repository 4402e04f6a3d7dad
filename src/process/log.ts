// The program's log: JSON lines on standard output, which may be full, gone, or not read; on a terminal, lines for a person.
// docs/logs.md lists the fields.
import { write } from 'node:fs';
import { isatty } from 'node:tty';
import { pino, stdTimeFunctions, type Logger } from 'pino';
import type { Config } from '../config/load.ts';
import { secretsOf } from '../config/secrets.ts';
import { systemClock } from '../domain/clock.ts';
import type { Trouble } from '../domain/trouble.ts';
import { openWithoutBlocking } from './descriptors.ts';
import { createLogDestination } from './log-destination.ts';
import { createTroubles } from './troubles.ts';

export interface ProgramLog {
  log: Logger;
  lostLines: () => number;
  /** The latest lines at warn or above. */
  troubles: () => readonly Trouble[];
  /** Writes what waits, for this long at most. */
  flush: (timeoutMs: number) => Promise<void>;
}

export const hidden = '(hidden)';

/** Fields that code of jobs may log, at the top of a line and in an object there: their values are hidden. */
const secretFields = ['password', 'passwd', 'secret', 'token', 'authorization', 'cookie', 'api_key', 'apiKey'];
export const redact = { paths: secretFields.flatMap((name) => [name, `*.${name}`]), censor: hidden };

/** Removes the given texts from a line, wherever they are. */
export const createMask =
  (secrets: readonly string[]) =>
  (line: string): string => {
    let masked = line;
    for (const secret of secrets) if (masked.includes(secret)) masked = masked.replaceAll(secret, hidden);
    return masked;
  };

/** @param isColored false where NO_COLOR asks for it (no-color.org) */
async function createPretty(isColored: boolean): Promise<(line: string) => string> {
  // Loaded here, so that only a start on a terminal waits for it.
  const { prettyFactory } = await import('pino-pretty');
  return prettyFactory({
    colorize: isColored,
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  });
}

export async function openLog(
  config: Config,
  { NO_COLOR: noColor }: Readonly<Record<string, string | undefined>>,
): Promise<ProgramLog> {
  const format = isatty(1) ? await createPretty(!noColor) : (line: string) => line;
  const mask = createMask(secretsOf(config));
  const troubles = createTroubles();
  const output = openWithoutBlocking(1);
  const errors = openWithoutBlocking(2);
  const destination = createLogDestination({
    write: (bytes, done) => write(output, bytes, done),
    clock: systemClock,
    onTrouble(reason) {
      const text = `work-factory: the log cannot be written: ${reason}. It goes on without; lost lines are counted.\n`;
      // Standard error may be the same terminal or pipe. Then this text is lost, too.
      write(errors, text, () => undefined);
    },
    onRecovery: (lines) => log.warn({ lines }, 'log lines were lost: they could not be written'),
  });
  const log = pino(
    { level: config.LOG_LEVEL, timestamp: stdTimeFunctions.isoTime, redact },
    {
      write(line: string) {
        const masked = mask(line);
        troubles.take(masked);
        destination.write(format(masked));
      },
    },
  );
  return {
    log,
    lostLines: () => destination.lostLines,
    troubles: () => troubles.list(),
    async flush(timeoutMs) {
      await destination.flush(timeoutMs);
      // A write may block in the cases that descriptors.ts names, and the exit would wait for it.
      if (destination.isWriting) process.kill(process.pid, 'SIGKILL');
    },
  };
}
