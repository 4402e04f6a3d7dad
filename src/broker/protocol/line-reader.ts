// Cuts the bytes of a connection into lines that end in LF or CRLF. A line that lies in one packet is not copied.

export interface ByteBudget {
  used: number;
  readonly max: number;
}

export interface LineReader {
  push(bytes: Buffer): void;
  /** The next line without its end; undefined when there is no whole line. Throws a text for the client at a limit. */
  next(): Buffer | undefined;
  /** Bytes that were pushed and are not yet returned. */
  bytes(): number;
  dispose(): void;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
/** The most parts of a line: a client that sends byte by byte must not cost an object for each byte. */
const partsMax = 512;

/** @param budget shared by all connections: it counts the bytes that are unread or unfinished */
export function createLineReader(lineBytesMax: number, budget: ByteBudget): LineReader {
  let unread: Buffer[] = [];
  let offset = 0;
  let parts: Buffer[] = [];
  let partBytes = 0;
  let held = 0;

  function release(bytes: number): void {
    held -= bytes;
    budget.used -= bytes;
  }

  function keepPart(part: Buffer): void {
    parts.push(part);
    partBytes += part.length;
    if (parts.length === partsMax) parts = [Buffer.concat(parts)];
    if (partBytes > lineBytesMax) throw new Error(`a line holds at most ${lineBytesMax} bytes`);
    if (budget.used > budget.max) throw new Error('the broker holds too much unfinished input');
  }

  function finish(part: Buffer): Buffer {
    let line = part;
    if (parts.length > 0) {
      line = Buffer.concat([...parts, part]);
      parts = [];
      partBytes = 0;
    }
    release(line.length + 1);
    if (line.length > lineBytesMax) throw new Error(`a line holds at most ${lineBytesMax} bytes`);
    return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
  }

  return {
    push(bytes) {
      unread.push(bytes);
      held += bytes.length;
      budget.used += bytes.length;
    },
    next() {
      for (let first = unread[0]; first; first = unread[0]) {
        const end = first.indexOf(lineFeed, offset);
        const start = offset;
        if (end !== -1 && end + 1 < first.length) offset = end + 1;
        else {
          unread.shift();
          offset = 0;
        }
        if (end !== -1) return finish(first.subarray(start, end));
        keepPart(first.subarray(start));
      }
      return undefined;
    },
    bytes: () => held,
    dispose() {
      release(held);
      unread = [];
      parts = [];
    },
  };
}
