// The broker's time as a parameter, so that tests can let an hour pass.

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

const pattern = /^(\d{4}-\d\d-(\d\d))T(\d?\d):(\d\d:\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/**
 * Reads RFC 3339 as Go's time.Parse does: no 30th of February, no 24:00:00, no leap second; offsets to 24:60.
 * @returns milliseconds, or undefined
 */
export function parseRfc3339(text: string): number | undefined {
  const match = pattern.exec(text);
  if (!match) return undefined;
  const [, date, day, hour = '', time, fraction = '0', sign, offsetHours = '0', offsetMinutes = '0'] = match;
  const ms = Date.parse(`${date}T${hour.padStart(2, '0')}:${time}Z`);
  // JavaScript rolls over a day that does not exist, and knows an hour 24.
  if (Number.isNaN(ms) || new Date(ms).getUTCDate() !== Number(day)) return undefined;
  if (Number(offsetHours) > 24 || Number(offsetMinutes) > 60) return undefined;
  const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000 * (sign === '-' ? -1 : 1);
  return ms + Math.floor(Number(`0.${fraction}`) * 1000) - offsetMs;
}
