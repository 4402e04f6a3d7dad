// Time as a parameter of the broker, so that tests can let an hour pass.

export interface BrokerClock {
  /** The wall clock in milliseconds: it is written into jobs and compared across restarts. */
  nowMs(): number;
  /** Runs `fn` once; the returned function cancels it. Does not keep the process alive. */
  after(delayMs: number, fn: () => void): () => void;
}

export const systemClock: BrokerClock = {
  nowMs: () => Date.now(),
  after(delayMs, fn) {
    const timeout = setTimeout(fn, delayMs);
    timeout.unref();
    return () => clearTimeout(timeout);
  },
};

let lastMs = Number.NaN;
let lastText = '';

/** RFC 3339 in UTC. A group of jobs shares its millisecond, so the last text is kept. */
export function rfc3339(ms: number): string {
  if (ms !== lastMs) {
    lastText = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastText;
}

const pattern = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** @returns milliseconds, or undefined when the text is not RFC 3339 */
export function parseRfc3339(text: string): number | undefined {
  const ms = pattern.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
