// One direction of a connection: what goes in comes out in order, each piece after its own delay, never before the one
// in front of it.
import type { Random } from './random.ts';
import type { EventKind, Scheduler } from './scheduler.ts';

export interface PipeOptions<T> {
  scheduler: Scheduler;
  kind: EventKind;
  /** Until when nothing comes out; asked as a piece is about to. */
  blockedUntilMs: () => number;
  deliver: (piece: T) => void;
}

export interface Pipe<T> {
  push(piece: T, delayMs: number): void;
  /** The next piece, before its time, if it matches. */
  takeIf(matches: (piece: T) => boolean): T | undefined;
  clear(): void;
}

export function createPipe<T>({ scheduler, kind, blockedUntilMs, deliver }: PipeOptions<T>): Pipe<T> {
  let pieces: T[] = [];
  let lastMs = 0;

  function deliverNext(): void {
    const untilMs = blockedUntilMs();
    // As many wake up at the end as there are pieces, and each takes the first one: the order stays.
    if (untilMs > scheduler.nowMs) return scheduler.at(untilMs, kind, deliverNext);
    const piece = pieces.shift();
    if (piece !== undefined) deliver(piece);
  }

  return {
    push(piece, delayMs) {
      pieces.push(piece);
      lastMs = Math.max(lastMs, scheduler.nowMs + delayMs);
      scheduler.at(lastMs, kind, deliverNext);
    },
    takeIf(matches) {
      const [piece] = pieces;
      if (piece === undefined || !matches(piece)) return undefined;
      pieces.shift();
      return piece;
    },
    clear: () => (pieces = []),
  };
}

export function cutIntoPieces(bytes: Buffer, count: number, random: Random): Buffer[] {
  const pieces: Buffer[] = [];
  let start = 0;
  for (let left = count; left > 1 && bytes.length - start > 1; left--) {
    const end = random.int(start + 1, bytes.length - 1);
    pieces.push(bytes.subarray(start, end));
    start = end;
  }
  if (start < bytes.length) pieces.push(bytes.subarray(start));
  return pieces;
}
