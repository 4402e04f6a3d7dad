// What happened in a run, in order. Two runs of one seed must have the same hash; the lines are kept only to be read.

export interface EventLog {
  add(timeMs: number, text: string): void;
  readonly hash: string;
  /** Empty unless the lines are kept. */
  readonly lines: readonly string[];
}

export function createEventLog(keepsLines: boolean): EventLog {
  let high = 0x811c9dc5;
  let low = 0x1b873593;
  const lines: string[] = [];

  function mix(code: number): void {
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul(low ^ code, 0x5bd1e995) ^ (low >>> 13);
  }

  return {
    add(timeMs, text) {
      mix(Math.round(timeMs * 1000));
      for (let index = 0; index < text.length; index++) mix(text.charCodeAt(index));
      if (keepsLines) lines.push(`${timeMs.toFixed(3).padStart(11)} ${text}`);
    },
    get hash() {
      return (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0');
    },
    lines,
  };
}
