// Where log lines go. Serving never waits for the log. While its reader is slow, lines wait, up to a limit; above it, and while
// writing fails, lines are lost and counted.
import type { Clock, Timer } from '../domain/clock.ts';

export interface LogDestinationOptions {
  /** As fs.write on the log's descriptor. */
  write: (bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void) => void;
  clock: Clock;
  /** Told once, when lines begin to be lost or cannot be written. */
  onTrouble: (reason: string) => void;
  /** Told when all that waited is written, and lines were lost meanwhile. */
  onRecovery: (lostLines: number) => void;
}

export interface LogDestination {
  write(line: string): void;
  /** Since the start. */
  readonly lostLines: number;
  /** A write has been given to the system, and it has not answered. */
  readonly isWriting: boolean;
  /** Resolves when nothing waits any more, or cannot be written, or the time is up. */
  flush(timeoutMs: number): Promise<void>;
}

/** About 5,000 lines: some seconds of a busy debug log, or a minute of one at info. */
const waitingCharsMax = 1_048_576;

/** For a full pipe: its reader is slow, and may read on at any moment. */
const fullPipeRetryMs = 50;
/** For a full disk, a terminal that is gone, a pipe without a reader. */
const retryMs = 1000;

export function createLogDestination({ write, clock, onTrouble, onRecovery }: LogDestinationOptions): LogDestination {
  let waiting: string[] = [];
  let waitingChars = 0;
  /** The rest of the lines that are being written. */
  let chunk: Buffer | undefined;
  let isWriting = false;
  let retry: Timer | undefined;
  /** The last write failed, and not for a full pipe. */
  let isBroken = false;
  let isTroubleTold = false;
  let lostLines = 0;
  let reportedLines = 0;
  const flushed: (() => void)[] = [];

  function trouble(reason: string): void {
    if (isTroubleTold) return;
    isTroubleTold = true;
    onTrouble(reason);
  }

  function resolveFlushes(): void {
    for (const resolve of flushed.splice(0)) resolve();
  }

  function writeNext(): void {
    if (chunk === undefined) {
      if (waiting.length === 0) return becomeIdle();
      chunk = Buffer.from(waiting.join(''));
      waiting = [];
      waitingChars = 0;
    }
    isWriting = true;
    write(chunk, onWritten);
  }

  function becomeIdle(): void {
    isTroubleTold = false;
    const lost = lostLines - reportedLines;
    reportedLines = lostLines;
    if (lost > 0) onRecovery(lost);
    if (!isWriting) resolveFlushes();
  }

  function onWritten(error: NodeJS.ErrnoException | null, written: number): void {
    isWriting = false;
    if (error === null) {
      isBroken = false;
      const rest = chunk?.subarray(written);
      chunk = rest && rest.length > 0 ? rest : undefined;
      return writeNext();
    }
    const isFull = error.code === 'EAGAIN';
    retry = clock.after(isFull ? fullPipeRetryMs : retryMs, writeAgain);
    if (isFull) return;
    isBroken = true;
    trouble(error.message);
    resolveFlushes();
  }

  function writeAgain(): void {
    retry?.cancel();
    retry = undefined;
    writeNext();
  }

  return {
    write(line) {
      if (isBroken || waitingChars + (chunk?.length ?? 0) + line.length > waitingCharsMax) {
        lostLines++;
        return trouble('its reader does not keep up');
      }
      waiting.push(line);
      waitingChars += line.length;
      if (!isWriting && retry === undefined) writeNext();
    },
    get lostLines() {
      return lostLines;
    },
    get isWriting() {
      return isWriting;
    },
    flush(timeoutMs) {
      if (!isWriting && retry === undefined) return Promise.resolve();
      const done = new Promise<void>((resolve) => {
        flushed.push(resolve);
        clock.after(timeoutMs, resolve);
      });
      if (retry !== undefined) writeAgain();
      return done;
    },
  };
}
