// Cuts a stream of bytes into lines of UTF-8. The length of a line is limited, because a process may write without end.

export interface LineReaderOptions {
  bytesMax: number;
  /** `isCut`: the line is longer than the limit, and the rest of it is dropped. */
  onLine: (line: string, isCut: boolean) => void;
}

const newline = 0x0a;

export interface LineReader {
  read(chunk: Buffer): void;
  /** Call it when the stream has ended: the bytes after the last newline are a line, too. */
  end(): void;
}

export function createLineReader({ bytesMax, onLine }: LineReaderOptions): LineReader {
  let parts: Buffer[] = [];
  let bytes = 0;
  let isSkipping = false;

  function add(part: Buffer): void {
    if (isSkipping) return;
    parts.push(part);
    bytes += part.length;
    if (bytes > bytesMax) emit(true);
  }

  function emit(isCut: boolean): void {
    const line = Buffer.concat(parts, Math.min(bytes, bytesMax)).toString();
    parts = [];
    bytes = 0;
    isSkipping = isCut;
    onLine(line, isCut);
  }

  return {
    read(chunk) {
      let from = 0;
      for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
        add(chunk.subarray(from, at));
        if (isSkipping) isSkipping = false;
        else emit(false);
        from = at + 1;
      }
      if (from < chunk.length) add(chunk.subarray(from));
    },
    end() {
      if (bytes > 0) emit(false);
    },
  };
}
