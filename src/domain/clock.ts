// Time as a parameter: the simulation runs the client with its own clock.

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Monotonic milliseconds, from an arbitrary start. Not the wall clock, which jumps. */
  now(): number;
  /** Runs `fn` once, `delayMs` from now. Does not keep the process alive. */
  after(delayMs: number, fn: () => void): Timer;
  /** Runs `fn` once, after the input of this turn of the event loop has been handled. */
  soon(fn: () => void): void;
}

/** For code that needs the time of day. */
export interface WallClock extends Clock {
  /** Milliseconds since 1970, by a clock that may be set, and that goes on while the machine sleeps. */
  wallMs(): number;
}

export const systemClock: WallClock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, fn) => {
    const timeout = setTimeout(fn, delayMs);
    timeout.unref();
    return { cancel: () => clearTimeout(timeout) };
  },
  soon: (fn) => void setImmediate(fn),
};
