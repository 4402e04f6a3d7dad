// Shows the progress of a stream: on a terminal one line that is overwritten, elsewhere a new line now and then.
import type { Output } from './output.ts';

export interface Position {
  /** Lines whose outcome the service has reported. */
  readonly lines: number;
  /** Lines that are not enqueued, or perhaps not. */
  readonly notEnqueued: number;
  /** The share of the file that these lines are, from 0 to 1; undefined where its length is not known. */
  readonly fraction?: number | undefined;
}

export interface Progress {
  /** May be called for every line: it writes ten times a second on a terminal, elsewhere every ten seconds. */
  show(position: Position): void;
  /** Removes the line from the terminal, before something else is written and at the end. */
  clear(): void;
}

const drawMs = 100;
const noteMs = 10_000;
const barWidth = 24;

/** @param now monotonic milliseconds */
export function createProgress({ terminal, note }: Pick<Output, 'terminal' | 'note'>, now: () => number): Progress {
  const startedMs = now();
  const pauseMs = terminal ? drawMs : noteMs;
  let drawnMs = terminal ? -Infinity : startedMs;
  let isDrawn = false;
  return {
    show(position) {
      const nowMs = now();
      if (nowMs - drawnMs < pauseMs) return;
      drawnMs = nowMs;
      const text = describe(position, nowMs - startedMs);
      if (!terminal) return note(text);
      // A text wider than the terminal would begin a new line each time.
      const width = (terminal.columns || 80) - 1;
      terminal.write(`\r${(bar(position) + text).slice(0, width)}\u001b[K`);
      isDrawn = true;
    },
    clear() {
      if (isDrawn) terminal?.write('\r\u001b[K');
      isDrawn = false;
      drawnMs = terminal ? -Infinity : drawnMs;
    },
  };
}

function bar({ fraction }: Position): string {
  if (fraction === undefined) return '';
  const full = Math.round(Math.min(1, fraction) * barWidth);
  return `[${'#'.repeat(full)}${'-'.repeat(barWidth - full)}] `;
}

function describe({ lines, notEnqueued, fraction }: Position, elapsedMs: number): string {
  const share = fraction === undefined ? '' : `${String(Math.floor(Math.min(1, fraction) * 100)).padStart(3)} %, `;
  return `${share}${count(lines)} lines, ${count(rateOf(lines, elapsedMs))}/s, ${count(notEnqueued)} not enqueued`;
}

export const rateOf = (lines: number, elapsedMs: number): number => Math.round(lines / (Math.max(1, elapsedMs) / 1000));

/** Always with commas (1,000,000), in any locale, because scripts may read it. */
export const count = (value: number): string => value.toLocaleString('en-US');
