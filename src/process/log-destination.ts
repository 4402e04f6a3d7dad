// The destination of log lines. Serving never waits for the log. While the reader of the log is slow, lines wait, up to a limit.
// Above it, and while writing fails, lines are lost and counted.
import type { Clock, Timer } from '../domain/clock.ts';

export interface LogDestinationOptions {
  /** Writes like fs.write on the descriptor of the log. */
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
  /** A write was given to the system and has not ended. */
  readonly isWriting: boolean;
  /** Resolves when nothing waits any more, or cannot be written, or the time is up. */
  flush(timeoutMs: number): Promise<void>;
}

/** About 5,000 lines: some seconds of a busy debug log, or a minute of one at info. */
const waitingCharsMax = 1_048_576;

/** The pause after a full pipe, whose slow reader may read at any moment. */
const fullPipeRetryMs = 50;
/** The pause after a full disk, a terminal that is gone, or a pipe without a reader. */
const retryMs = 1000;

export function createLogDestination({ write, clock, onTrouble, onRecovery }: LogDestinationOptions): LogDestination {
  const lines = createWaitingLines();
  const losses = createLosses(onTrouble, onRecovery);
  let isWriting = false;
  let retry: Timer | undefined;
  /** The last write failed, and not because a pipe was full. */
  let isBroken = false;
  const flushed: (() => void)[] = [];

  function resolveFlushes(): void {
    for (const resolve of flushed.splice(0)) resolve();
  }

  function writeNext(): void {
    const chunk = lines.chunk();
    if (chunk === undefined) {
      losses.recover();
      if (!isWriting) resolveFlushes();
      return;
    }
    isWriting = true;
    write(chunk, onWritten);
  }

  function onWritten(error: NodeJS.ErrnoException | null, written: number): void {
    isWriting = false;
    if (error === null) {
      isBroken = false;
      lines.written(written);
      return writeNext();
    }
    const isFull = error.code === 'EAGAIN';
    retry = clock.after(isFull ? fullPipeRetryMs : retryMs, writeAgain);
    if (isFull) return;
    isBroken = true;
    losses.trouble(error.message);
    resolveFlushes();
  }

  function writeAgain(): void {
    retry?.cancel();
    retry = undefined;
    writeNext();
  }

  return {
    write(line) {
      if (isBroken || lines.size + line.length > waitingCharsMax) return losses.lose('its reader does not keep up');
      lines.add(line);
      if (!isWriting && retry === undefined) writeNext();
    },
    get lostLines() {
      return losses.lines;
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

/** Lines that wait, and the chunk of lines that is being written. */
function createWaitingLines() {
  let waiting: string[] = [];
  let chars = 0;
  let chunk: Buffer | undefined;
  return {
    /** Characters that wait, and bytes of the chunk. */
    get size(): number {
      return chars + (chunk?.length ?? 0);
    },
    add(line: string): void {
      waiting.push(line);
      chars += line.length;
    },
    /** The rest of the chunk, or all lines that wait; undefined: there are none. */
    chunk(): Buffer | undefined {
      if (chunk !== undefined || waiting.length === 0) return chunk;
      chunk = Buffer.from(waiting.join(''));
      waiting = [];
      chars = 0;
      return chunk;
    },
    written(bytes: number): void {
      const rest = chunk?.subarray(bytes);
      chunk = rest && rest.length > 0 ? rest : undefined;
    },
  };
}

/** Counts lost lines, and tells the beginning and the end of a trouble. */
function createLosses(onTrouble: (reason: string) => void, onRecovery: (lostLines: number) => void) {
  let lines = 0;
  let reported = 0;
  let isTold = false;

  function trouble(reason: string): void {
    if (isTold) return;
    isTold = true;
    onTrouble(reason);
  }

  return {
    get lines(): number {
      return lines;
    },
    trouble,
    lose(reason: string): void {
      lines++;
      trouble(reason);
    },
    recover(): void {
      isTold = false;
      const lost = lines - reported;
      reported = lines;
      if (lost > 0) onRecovery(lost);
    },
  };
}
