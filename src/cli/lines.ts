// Standard input: its lines, one after the other as they are asked for, or all of it.
import type { Readable } from 'node:stream';
import { UsageError } from './command.ts';

/** Without their ends; a last line needs none. A longer one ends the reading, so that it never fills the memory. */
export async function* readLines(stream: Readable, bytesMax: number): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let count = 1;
  for await (const chunk of stream as AsyncIterable<Buffer | string>) {
    let bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10)) {
      yield withoutReturn(Buffer.concat([...rest, bytes.subarray(0, end)]));
      count++;
      bytes = bytes.subarray(end + 1);
      rest = [];
      restBytes = 0;
    }
    rest.push(bytes);
    restBytes += bytes.length;
    if (restBytes > bytesMax) throw new UsageError(`line ${count} is longer than ${bytesMax} bytes`);
  }
  if (restBytes > 0) yield withoutReturn(Buffer.concat(rest));
}

/** Windows ends lines with CR LF. */
const withoutReturn = (line: Buffer): Buffer => (line.at(-1) === 13 ? line.subarray(0, -1) : line);

export async function readText(stream: Readable, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer | string>) {
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
    if (bytes > bytesMax) throw new UsageError(`standard input has more than ${bytesMax} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}
