// The bytes of a request, a chunk for each call of `next`. Bytes that are not asked for stay in the kernel, so the caller has to
// wait.
import type { Readable } from 'node:stream';

export interface BodyChunks {
  /** Resolves with undefined after the last chunk: the body has ended or broken off, or `stop` was called. */
  next(): Promise<Buffer | undefined>;
  /** Ends the reading of the body. */
  stop(): void;
  /** True when the last byte has come and was taken. */
  readonly hasEnded: boolean;
}

export function createBodyChunks(body: Readable): BodyChunks {
  let isOver = false;
  let wake: () => void = () => undefined;
  const onReadable = (): void => wake();
  const stop = (): void => {
    isOver = true;
    // A paused body would never end.
    body.off('readable', onReadable);
    wake();
  };
  body.on('readable', onReadable);
  body.on('end', stop);
  body.on('close', stop);
  // The event `close` follows.
  body.on('error', () => undefined);
  return {
    async next() {
      for (;;) {
        if (isOver) return undefined;
        const chunk = body.read() as Buffer | null;
        if (chunk !== null) return chunk;
        if (isOver) return undefined;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    stop,
    get hasEnded() {
      return body.readableEnded;
    },
  };
}
