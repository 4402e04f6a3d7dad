// Reads the broker's replies from any split of the bytes: `+text`, `-text`, `$length` + bytes, `$-1`, nothing else.
// It is strict: replies are matched to commands by their order, so after a wrong byte no later reply can be trusted.
// Format: RESP as Faktory writes it (contribsys/faktory server/connection.go, v1.9.4): no arrays, no integers.

export type Reply =
  | { readonly type: 'simple'; readonly text: string }
  | { readonly type: 'error'; readonly text: string }
  | { readonly type: 'bulk'; readonly text: string }
  | { readonly type: 'nil' };

/** The broker sent bytes that are not a reply of the protocol. */
export class ProtocolError extends Error {}

export interface ReplyReaderOptions {
  /** A longer bulk is refused before it is read, so that a broker cannot fill this process's memory. */
  bulkBytesMax: number;
  onReply: (reply: Reply) => void;
}

export interface ReplyReader {
  /** Calls `onReply` for every complete reply. Throws ProtocolError; then the reader cannot be used any more. */
  push(chunk: Buffer): void;
}

/** The longest line of Faktory is an error text. The JSON error of a whole PUSHB is below 1 KiB. */
const lineBytesMax = 8192;

const replyOk: Reply = Object.freeze({ type: 'simple', text: 'OK' });
const replyEmptyMap: Reply = Object.freeze({ type: 'bulk', text: '{}' });
const replyNil: Reply = Object.freeze({ type: 'nil' });

const PLUS = 0x2b;
const MINUS = 0x2d;
const DOLLAR = 0x24;
const CR = 0x0d;
const LF = 0x0a;

export function createReplyReader({ bulkBytesMax, onReply }: ReplyReaderOptions): ReplyReader {
  let chunks: Buffer[] = [];
  let bytes = 0;
  // The least number of bytes that the current reply needs. With it a large bulk is joined once, not at every chunk.
  let bytesNeeded = 1;

  /** Returns where the next reply starts. Returns -1 and sets `bytesNeeded` when this reply is not complete. */
  function readOne(buffer: Buffer, start: number): number {
    const kind = buffer[start];
    if (kind !== PLUS && kind !== MINUS && kind !== DOLLAR) {
      throw new ProtocolError(`no reply starts with byte ${kind}`);
    }
    const lineFeed = buffer.indexOf(LF, start);
    if (lineFeed === -1 || lineFeed - start > lineBytesMax) {
      if (buffer.length - start > lineBytesMax) throw new ProtocolError(`a line of over ${lineBytesMax} bytes`);
      bytesNeeded = buffer.length - start + 1;
      return -1;
    }
    if (buffer[lineFeed - 1] !== CR) throw new ProtocolError('a line that does not end in CR LF');
    const line = buffer.toString('utf8', start + 1, lineFeed - 1);
    if (kind === DOLLAR) return readBulk(buffer, start, line, lineFeed + 1);
    if (kind === MINUS) onReply({ type: 'error', text: line });
    else onReply(line === 'OK' ? replyOk : { type: 'simple', text: line });
    return lineFeed + 1;
  }

  function readBulk(buffer: Buffer, start: number, length: string, bodyStart: number): number {
    if (length === '-1') {
      onReply(replyNil);
      return bodyStart;
    }
    if (!/^\d{1,10}$/.test(length)) throw new ProtocolError('a bulk without a length');
    const bodyEnd = bodyStart + Number(length);
    if (bodyEnd - bodyStart > bulkBytesMax) throw new ProtocolError(`a bulk of over ${bulkBytesMax} bytes`);
    if (buffer.length < bodyEnd + 2) {
      bytesNeeded = bodyEnd + 2 - start;
      return -1;
    }
    if (buffer[bodyEnd] !== CR || buffer[bodyEnd + 1] !== LF) throw new ProtocolError('a bulk longer than its length');
    const text = buffer.toString('utf8', bodyStart, bodyEnd);
    onReply(text === '{}' ? replyEmptyMap : { type: 'bulk', text });
    return bodyEnd + 2;
  }

  return {
    push(chunk) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes < bytesNeeded) return;
      const buffer = chunks.length === 1 ? chunk : Buffer.concat(chunks, bytes);
      chunks = [];
      bytes = 0;
      bytesNeeded = 1;
      let start = 0;
      while (start < buffer.length) {
        const next = readOne(buffer, start);
        if (next === -1) {
          chunks = [buffer.subarray(start)];
          bytes = buffer.length - start;
          return;
        }
        start = next;
      }
    },
  };
}
