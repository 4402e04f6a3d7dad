// Where a command writes: results to standard output, messages for a person to standard error. There are no colours, so NO_COLOR
// changes nothing.
import type { Writable } from 'node:stream';

/** A stream of the process, or one of a test. */
export type Terminal = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface Output {
  /** Writes a line to standard output. Resolves when there is room for the next line. */
  print(line: string): Promise<void>;
  /** Writes a value as one line of JSON, like `print`. */
  printJson(value: unknown): Promise<void>;
  /** Writes a line to standard error. */
  note(line: string): void;
  /** Standard error, when it is a terminal that can write over its last line. */
  readonly terminal: Terminal | undefined;
  /** Fires when the reader of standard output has gone, as `head` does. */
  readonly closed: AbortSignal;
  /** Resolves when everything is written, or nobody reads it. */
  flush(): Promise<void>;
}

export function createOutput(stdout: Terminal, stderr: Terminal, env: NodeJS.ProcessEnv): Output {
  const closing = new AbortController();
  const closed = closing.signal;
  stdout.on('error', () => closing.abort());
  // An error of standard error cannot be reported anywhere.
  stderr.on('error', () => undefined);

  const write = (stream: Terminal, text: string): Promise<void> =>
    new Promise((resolve) => void stream.write(text, () => resolve()));

  async function print(line: string): Promise<void> {
    if (!closed.aborted) await write(stdout, `${line}\n`);
  }

  return {
    print,
    printJson: (value) => print(JSON.stringify(value)),
    note: (line) => void stderr.write(`${line}\n`),
    terminal: stderr.isTTY === true && env['TERM'] !== 'dumb' ? stderr : undefined,
    closed,
    async flush() {
      await Promise.all([closed.aborted ? undefined : write(stdout, ''), write(stderr, '')]);
    },
  };
}

/** Text from others, on one line. Characters that could control a terminal are escaped as in JSON. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const known = { '\n': ' ', '\t': ' ', '\r': ' ' }[character];
    return known ?? `\\u${character.codePointAt(0)?.toString(16).padStart(4, '0') ?? ''}`;
  });

/** A JSON value on one line. */
export const printableJson = (value: unknown): string => printable(JSON.stringify(value) ?? 'null');

/** Renames fields as the service names them: `jobId` of the client becomes `job_id`. */
export const toSnakeCase = (object: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(object).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );

/** Lines of two columns. */
export function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([first]) => first.length));
  return rows.map(([first, second]) => `${first.padEnd(width)}  ${second}`);
}
