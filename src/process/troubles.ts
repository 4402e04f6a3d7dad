// The latest lines of the log at warn or above, for the console, so that nobody must look for them on another machine.
import type { Trouble } from '../domain/trouble.ts';

const linesMax = 50;
const charsMax = 300;
/** Longer lines are not read. A stack of a hundred calls has some 10,000 characters. */
const lineCharsMax = 65_536;
const fields = ['jid', 'operation', 'errtype', 'error', 'reason', 'action', 'outcome', 'request_id', 'pid'] as const;

export interface Troubles {
  /** @param line of pino, secrets hidden */
  take(line: string): void;
  /** The oldest first. A new array after each new line. */
  list(): readonly Trouble[];
}

const cut = (value: unknown): string => {
  const text = typeof value === 'string' ? value : String(value);
  return text.length > charsMax ? `${text.slice(0, charsMax)}…` : text;
};

function read(line: string): Trouble {
  const { time, level, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const { message } = (err ?? {}) as { message?: unknown };
  const about: Record<string, string> = {};
  for (const field of fields) {
    const value = rest[field] ?? (field === 'error' ? message : undefined);
    if (typeof value === 'string' || typeof value === 'number') about[field] = cut(value);
  }
  return { time: cut(time), level: Number(level), msg: cut(msg ?? ''), about };
}

export function createTroubles(): Troubles {
  let kept: readonly Trouble[] = [];
  return {
    take(line) {
      // pino writes the level first, so the beginning of most lines is enough.
      if (!/^\{"level":[456]0,/.test(line) || line.length > lineCharsMax) return;
      kept = [...kept, read(line)].slice(-linesMax);
    },
    list: () => kept,
  };
}
