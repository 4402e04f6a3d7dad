// Cuts the body of a stream into slices: lines that are read and pushed together. Bytes are read as slices are asked for.
import type { Readable } from 'node:stream';
import { streamLineBytesMax, streamSliceCharsMax, streamSliceLinesMax } from '../limits.ts';
import { createBodyChunks } from './body-chunks.ts';
import { createLineSplitter, type Lines } from './line-splitter.ts';

export interface LineSlice {
  /** Number of the first line. */
  readonly first: number;
  readonly texts: readonly string[];
}

/**
 * - reading -> whole: the body has ended, and all its lines were given;
 * - reading -> too long: the line after the last given line is too long;
 * - reading -> stopped: `stop` was called, or the body broke off.
 */
export type ReaderState = 'reading' | 'whole' | 'too long' | 'stopped';

export interface SliceReader {
  readonly state: ReaderState;
  /** The slices in the order of the lines. Ends when the state is no longer `reading`. */
  slices(): AsyncGenerator<LineSlice>;
  /** Ends `slices()`; no further byte is read. */
  stop(): void;
}

/** @param from the first line that is given, counted from 1 */
export function createSliceReader(body: Readable, from: number): SliceReader {
  const chunks = createBodyChunks(body);
  const splitter = createLineSplitter({ from, bytesMax: streamLineBytesMax });
  let state: ReaderState = 'reading';

  function end(as: Exclude<ReaderState, 'reading'>): void {
    if (state === 'reading') state = as;
    chunks.stop();
  }

  function* cut({ first, texts, isNextTooLong }: Lines): Generator<LineSlice> {
    // `stop` may be called while a slice is being pushed.
    for (let start = 0; start < texts.length && state === 'reading';) {
      const stopAt = endOfSlice(texts, start);
      yield { first: first + start, texts: texts.slice(start, stopAt) };
      start = stopAt;
    }
    // The next bytes may belong to that line, so nothing is read after it.
    if (isNextTooLong) end('too long');
  }

  return {
    get state() {
      return state;
    },
    async *slices() {
      for (let chunk; (chunk = await chunks.next()) !== undefined;) yield* cut(splitter.take(chunk));
      if (chunks.hasEnded && state === 'reading') yield* cut(splitter.end());
      end(chunks.hasEnded ? 'whole' : 'stopped');
    },
    stop: () => end('stopped'),
  };
}

/** Returns the index after the last line of the slice that begins at `start`: a slice has at least one line. */
function endOfSlice(texts: readonly string[], start: number): number {
  let chars = 0;
  let at = start;
  while (at < texts.length && at - start < streamSliceLinesMax && chars < streamSliceCharsMax) {
    chars += (texts[at] as string).length;
    at += 1;
  }
  return at;
}
