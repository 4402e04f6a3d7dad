// Time, chance and the network as parameters, so that tests need neither.
import type { Timer } from '../domain/clock.ts';

/** The part of `fetch` that the client uses. */
export type Fetch = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly body?: string;
    readonly signal: AbortSignal;
    readonly redirect: 'manual';
  },
) => Promise<FetchedResponse>;

export interface FetchedResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
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
