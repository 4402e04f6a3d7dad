// Time, randomness and the network as parameters, so that tests need none of them.
import type { Timer } from '../domain/clock.ts';

/** The part of `fetch` that the client uses. */
export type Fetch = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: Record<string, string>;
    /** Of a stream it is written while the response is read. */
    readonly body?: string | ReadableStream<Uint8Array>;
    /** What Node wants with a body that is a stream. */
    readonly duplex?: 'half';
    readonly signal: AbortSignal;
    readonly redirect: 'manual';
  },
) => Promise<FetchedResponse>;

export interface FetchedResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** Read of a stream only. */
  readonly body?: ReadableStream<Uint8Array> | null;
  text(): Promise<string>;
}

export interface Surroundings {
  /** Monotonic milliseconds. */
  now(): number;
  /** Keeps the process alive, unlike the service's own clock: a script waits for its jobs. */
  after(delayMs: number, fn: () => void): Timer;
  /** From 0 up to 1. */
  random(): number;
}

export const systemSurroundings: Surroundings = {
  now: () => performance.now(),
  after: (delayMs, fn) => {
    const timeout = setTimeout(fn, delayMs);
    return { cancel: () => clearTimeout(timeout) };
  },
  random: () => Math.random(),
};
