// Reads standard input: line by line as lines are asked for, or as a whole.
import { addAbortSignal, type Readable } from 'node:stream';
import { WorkFactoryError } from '../client/error.ts';
import { UsageError } from './command.ts';

/**
 * Yields lines without their ends. The last line needs no end. A line above the limit ends the reading, so that it never fills
 * the memory.
 *
 * @param signal ends the reading without an error
 */
export async function* readLines(stream: Readable, bytesMax: number, signal: AbortSignal): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let count = 1;
  const add = (bytes: Buffer): void => {
    rest.push(bytes);
    restBytes += bytes.length;
    if (restBytes > bytesMax) throw new UsageError(`line ${count} is longer than ${bytesMax} bytes`);
  };
  for await (const chunk of chunksOf(stream, signal)) {
    let bytes: Buffer = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10)) {
      add(bytes.subarray(0, end));
      yield withoutReturn(Buffer.concat(rest));
      bytes = bytes.subarray(end + 1);
      rest = [];
      restBytes = 0;
      count++;
    }
    add(bytes);
  }
  if (restBytes > 0 && !signal.aborted) yield withoutReturn(Buffer.concat(rest));
}

/** Windows ends lines with CR LF. */
const withoutReturn = (line: Buffer): Buffer => (line.at(-1) === 13 ? line.subarray(0, -1) : line);

/** A read ends only when bytes come or the stream is destroyed. */
async function* chunksOf(stream: Readable, signal: AbortSignal): AsyncGenerator<Buffer | string> {
  try {
    yield* addAbortSignal(signal, stream) as AsyncIterable<Buffer | string>;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Rejects with a WorkFactoryError when the signal fires. */
export async function readText(stream: Readable, bytesMax: number, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunksOf(stream, signal)) {
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
    if (bytes > bytesMax) throw new UsageError(`standard input has more than ${bytesMax} bytes`);
  }
  if (signal.aborted)
    throw new WorkFactoryError({ outcome: 'not_enqueued', code: 'aborted', detail: 'The caller gave up' });
  return Buffer.concat(chunks).toString('utf8');
}
