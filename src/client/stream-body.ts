// The body of a stream's request: lines leave together, and wait while the connection takes no more.
import type { Surroundings } from './surroundings.ts';

export interface StreamBody {
  readonly stream: ReadableStream<Uint8Array>;
  /** Resolves when the next line may be written. */
  write(line: string): Promise<void>;
  /** Ends the body behind the lines that were written. */
  close(): void;
  /** The request is over: nothing more is sent. */
  end(): void;
}

const encoder = new TextEncoder();
/** Lines leave together when they have this many characters, or after this turn of the event loop. */
const flushChars = 16_384;
/** Bytes that wait for the connection. */
const waitingBytesMax = 65_536;

export function createStreamBody({ after }: Pick<Surroundings, 'after'>): StreamBody {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let isClosed = false;
  let text = '';
  let timer: { cancel(): void } | undefined;
  let wake = (): void => undefined;

  function flush(): void {
    timer?.cancel();
    timer = undefined;
    if (isClosed || text === '') return;
    controller?.enqueue(encoder.encode(text));
    text = '';
  }
  function end(): void {
    isClosed = true;
    wake();
  }
  const stream = new ReadableStream<Uint8Array>(
    { start: (own) => void (controller = own), pull: () => wake(), cancel: end },
    { highWaterMark: waitingBytesMax, size: (chunk) => chunk.byteLength },
  );
  return {
    stream,
    async write(line) {
      text += `${line}\n`;
      if (text.length < flushChars) timer ??= after(0, flush);
      else flush();
      while (!isClosed && (controller?.desiredSize ?? 1) <= 0) await new Promise<void>((resolve) => (wake = resolve));
    },
    close() {
      flush();
      if (!isClosed) controller?.close();
      end();
    },
    end,
  };
}
