// Limits how many lines of all streams are being pushed. Streams take turns, a slice each. The window shrinks while the broker
// is slow, so that single jobs do not wait behind streams and no line waits until its deadline for a connection with room. It
// grows while slices are quick (docs/decisions/0027-streams.md).
import { createFifo, type Fifo } from '../../domain/fifo.ts';

/** When a slice takes less, the window grows. This is longer than the round trip of any path. */
const quickMs = 250;
/** When a slice takes longer, the window is halved: other jobs would wait as long. */
const slowMs = 1000;

export interface WindowLimits {
  /** The most lines of one slice. */
  sliceLinesMax: number;
  linesMax: number;
  bytesMax: number;
}

/** Room for one slice. */
export interface Room {
  /** Sets the real size of the slice. Until then it counts as the largest that a slice may be. */
  use(lines: number, bytes: number): void;
  /** @param tookMs from the push to the outcome; undefined: nothing was pushed */
  release(tookMs: number | undefined): void;
}

export interface StreamWindow {
  /** Resolves when there is room for a slice, in the order of the calls. */
  enter(): Promise<Room>;
  readonly lines: number;
  readonly limit: number;
}

export function createStreamWindow({ sliceLinesMax, linesMax, bytesMax }: WindowLimits): StreamWindow {
  const waiting: Fifo<(room: Room) => void> = createFifo();
  let limit = Math.min(2 * sliceLinesMax, linesMax);
  let lines = 0;
  let bytes = 0;

  const hasRoom = (): boolean => lines === 0 || (lines + sliceLinesMax <= limit && bytes < bytesMax);

  function adapt(tookMs: number, usedLines: number): void {
    if (tookMs < quickMs) limit = Math.min(linesMax, limit + usedLines);
    else if (tookMs > slowMs) limit = Math.max(sliceLinesMax, Math.floor(limit / 2));
  }

  function grant(): Room {
    let ownLines = sliceLinesMax;
    let ownBytes = 0;
    lines += ownLines;
    return {
      use(usedLines, usedBytes) {
        lines += usedLines - ownLines;
        bytes += usedBytes - ownBytes;
        ownLines = usedLines;
        ownBytes = usedBytes;
      },
      release(tookMs) {
        lines -= ownLines;
        bytes -= ownBytes;
        if (tookMs !== undefined) adapt(tookMs, ownLines);
        while (waiting.size > 0 && hasRoom()) waiting.shift()?.(grant());
      },
    };
  }

  return {
    enter: () =>
      waiting.size === 0 && hasRoom() ? Promise.resolve(grant()) : new Promise((resolve) => void waiting.push(resolve)),
    get lines() {
      return lines;
    },
    get limit() {
      return limit;
    },
  };
}
