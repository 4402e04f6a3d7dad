// The lines of a file or of standard input on their way to the service, and the share of the file that it has acknowledged.
import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createFifo, type Fifo } from '../domain/fifo.ts';
import { UsageError, type Surroundings } from './command.ts';
import { readLines } from './lines.ts';
import { printable } from './output.ts';

export interface LineSource {
  readonly lines: AsyncIterable<string>;
  /**
   * The share of the file, from 0 to 1, up to the end of this line. Undefined: the length of the file is not known.
   *
   * @param line number in the file; never less than in the call before
   */
  fractionUpTo(line: number): number | undefined;
  /** Why the reading ended before the end of the input. */
  problem(): string | undefined;
}

/** With a longer line the input is no NDJSON. The service takes 64 KiB and reports a longer line as rejected. */
const lineBytesMax = 1024 * 1024;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** @param from the first line that is wanted, counted from 1 */
export async function openLines(
  { stdin, signal, output }: Pick<Surroundings, 'stdin' | 'signal' | 'output'>,
  file: string,
  from: number,
): Promise<LineSource> {
  const { input, size } = file === '-' ? { input: stdin, size: undefined } : await openFile(file);
  if ((input as { isTTY?: boolean }).isTTY) output.note('Reading lines from the terminal; ^D ends them');
  /** The ends of the lines that were read and are not acknowledged. */
  const ends: Fifo<{ readonly line: number; readonly bytes: number }> = createFifo();
  let acknowledgedBytes = 0;
  let problem: string | undefined;

  async function* read(): AsyncGenerator<string> {
    let number = 0;
    let bytes = 0;
    try {
      for await (const line of readLines(input, lineBytesMax, signal)) {
        number += 1;
        bytes += line.length + 1;
        if (number < from) continue;
        if (!isUtf8(line)) throw new UsageError(`line ${number} is not UTF-8`);
        const hasMark = number === 1 && line.subarray(0, 3).equals(byteOrderMark);
        const text = line.toString('utf8', hasMark ? 3 : 0);
        // The service does not acknowledge empty lines.
        if (size !== undefined && text.trim() !== '') ends.push({ line: number, bytes });
        yield text;
      }
    } catch (error) {
      // The lines that were read before it are still reported.
      problem = printable((error as Error).message);
    }
  }

  return {
    lines: read(),
    fractionUpTo(line) {
      if (size === undefined || size === 0) return undefined;
      for (let next; (next = ends.peek()) && next.line <= line; ends.shift()) acknowledgedBytes = next.bytes;
      return acknowledgedBytes / size;
    },
    problem: () => problem,
  };
}

async function openFile(file: string): Promise<{ input: Readable; size: number | undefined }> {
  try {
    const handle = await open(file);
    const stats = await handle.stat();
    if (stats.isDirectory()) throw new Error('it is a folder');
    return { input: handle.createReadStream(), size: stats.isFile() ? stats.size : undefined };
  } catch (error) {
    throw new UsageError(printable(`${file} cannot be read: ${(error as Error).message}`));
  }
}
