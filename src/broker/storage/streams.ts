// The numbers of streams. Each is used once. The keys of a stream are deleted when the group that has forgotten it is on disk.

export interface Streams {
  /** The last number that was given. */
  last(): number;
  next(): number;
  forget(stream: number): void;
  /** Called before a group is written. Returns a function that is called when the group is on disk. */
  finish(): () => void;
}

/** @param clear deletes the keys of a stream; what a crash leaves is swept at the next open */
export function createStreams(found: number, clear: (stream: number) => void): Streams {
  let last = found;
  let forgotten: number[] = [];
  return {
    last: () => last,
    next: () => ++last,
    forget: (stream) => void forgotten.push(stream),
    finish() {
      const written = forgotten;
      forgotten = [];
      return () => written.forEach(clear);
    },
  };
}
