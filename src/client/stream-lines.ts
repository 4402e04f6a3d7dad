// The lines of a stream on the side of the caller: read from the source as they are wanted, kept until they are reported,
// so that a connection that breaks costs no line.
import type { Result } from './batch.ts';
import type { JobOptions } from './definitions.ts';
import { writeEntry, type GivenJob } from './entries.ts';
import type { WorkFactoryError } from './error.ts';

/** What became of one line. */
export type LineReport = { readonly line: number } & Result;

/** An entry, or a line of NDJSON as it stands. */
export type GivenLine = (GivenJob & JobOptions) | string;

/** A line that is not reported yet. */
export interface OpenLine {
  readonly line: number;
  readonly text: string;
  /** Sent again it is the same job. */
  readonly isKeyed: boolean;
  /** Set when it is known, and not reported because lines before it are open. */
  result: Result | undefined;
}

export interface StreamLines {
  /** Resolves when a line behind this one is to be sent; false: none will come. Rejects as the source does. */
  waitBehind(line: number): Promise<boolean>;
  nextBehind(line: number): OpenLine | undefined;
  /** The first open line. */
  first(): OpenLine | undefined;
  /** Reports the result, once the results of all lines before it are known. */
  settle(line: OpenLine, result: Result): void;
  /** The open lines up to this one, in their order. */
  openUpTo(line: number): readonly OpenLine[];
  /** Tells the source that no more is wanted. */
  stop(): void;
}

/** The limit of the service. */
const lineBytesMax = 65_536;
const encoder = new TextEncoder();

const hasKey = (text: string): boolean => {
  // A search first: parsing takes longer.
  if (!text.includes('"key"')) return false;
  try {
    const entry = JSON.parse(text) as { key?: unknown; args?: unknown; jobtype?: unknown } | null;
    return typeof entry?.key === 'string' && (entry.args !== undefined || entry.jobtype !== undefined);
  } catch {
    return false;
  }
};

type LineReading = { text: string; isKeyed: boolean } | { code: string; detail: string };

/** Undefined: an empty line is no entry, and the service would not report it. */
function readLine(given: GivenLine): LineReading | undefined {
  try {
    const text = typeof given === 'string' ? given.replace(/\r?\n$/, '') : writeEntry(given, given, given.key);
    if (/^[ \t\r]*$/.test(text)) return undefined;
    if (text.includes('\n')) return { code: 'validation_failed', detail: 'A line cannot hold a newline' };
    if (text.length * 3 > lineBytesMax && encoder.encode(text).length > lineBytesMax)
      return { code: 'line_too_long', detail: `A line has at most ${lineBytesMax} bytes` };
    return { text, isKeyed: typeof given === 'string' ? hasKey(text) : given.key !== undefined };
  } catch (error) {
    const { code, detail } = error as WorkFactoryError;
    return { code, detail };
  }
}

export interface StreamLinesOptions {
  readonly source: AsyncIterable<GivenLine> | Iterable<GivenLine>;
  /** Called in the order of the lines. */
  readonly tell: (report: LineReport) => void;
  /** Resolves when the source may be asked for more. */
  readonly untilWanted: () => Promise<void>;
}

export function createStreamLines({ source, tell, untilWanted }: StreamLinesOptions): StreamLines {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const open = new Map<number, OpenLine>();
  let last = 0;
  let isOver = false;
  let failure: { readonly error: unknown } | undefined;
  let pulling: Promise<void> | undefined;

  const first = (): OpenLine | undefined => open.values().next().value;

  function settle(settled: OpenLine, result: Result): void {
    settled.result = result;
    for (let next; (next = first()) && next.result !== undefined;) {
      open.delete(next.line);
      tell({ line: next.line, ...next.result });
    }
  }

  function take(given: GivenLine): void {
    const line = (last += 1);
    const read = readLine(given);
    if (read === undefined) return;
    const { text = '', isKeyed = false } = 'text' in read ? read : {};
    const entered: OpenLine = { line, text, isKeyed, result: undefined };
    open.set(line, entered);
    if ('code' in read) settle(entered, { status: 'rejected', ...read });
  }

  async function pull(): Promise<void> {
    await untilWanted();
    try {
      const next = await iterator.next();
      if (next.done === true) isOver = true;
      else take(next.value);
    } catch (error) {
      failure = { error };
    }
  }

  function nextBehind(line: number): OpenLine | undefined {
    for (let at = Math.max(line + 1, first()?.line ?? Infinity); at <= last; at++) {
      const found = open.get(at);
      if (found && found.result === undefined) return found;
    }
    return undefined;
  }

  return {
    async waitBehind(line) {
      while (nextBehind(line) === undefined) {
        // The caller that asked for it may have gone.
        if (failure) throw failure.error;
        if (isOver) return false;
        // Only one item is pulled at a time, however many callers ask.
        pulling ??= pull().finally(() => (pulling = undefined));
        await pulling;
      }
      return true;
    },
    nextBehind,
    first,
    settle,
    openUpTo: (line) => [...open.values()].filter((one) => one.line <= line && one.result === undefined),
    stop() {
      isOver = true;
      // A source that hangs holds up nobody.
      void Promise.resolve(iterator.return?.()).catch(() => undefined);
    },
  };
}
