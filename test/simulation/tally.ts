// Many seeds, added up: violations, how often each interesting thing happened, and seeds run twice to compare their hashes.
import type { Violation } from './ledger.ts';
import { simulate } from './simulate.ts';
import type { Subject } from './subject.ts';

export interface Tally {
  seeds: number;
  events: number;
  virtualMs: number;
  replayed: number;
  violations: ({ seed: number } & Violation)[];
  counts: Record<string, number>;
}

export const emptyTally = (): Tally => ({
  seeds: 0,
  events: 0,
  virtualMs: 0,
  replayed: 0,
  violations: [],
  counts: {},
});

/** Every so many seeds one is run a second time. */
const replayEvery = 50;

export async function runSeeds(subject: Subject, seeds: Iterable<number>): Promise<Tally> {
  const tally = emptyTally();
  for (const seed of seeds) {
    const { violation, events, durationMs, counts, hash } = await simulate(subject, seed);
    const replay = seed % replayEvery === 0 ? await simulate(subject, seed) : undefined;
    const differs = replay !== undefined && replay.hash !== hash;
    const found =
      violation ?? (differs ? { name: 'not deterministic', detail: `${hash}, then ${replay.hash}` } : undefined);
    add(tally, {
      seeds: 1,
      events,
      virtualMs: durationMs,
      replayed: replay ? 1 : 0,
      violations: found ? [{ seed, ...found }] : [],
      counts: Object.fromEntries(counts),
    });
  }
  return tally;
}

/** Adds `part` to `sum`. */
export function add(sum: Tally, part: Tally): void {
  sum.seeds += part.seeds;
  sum.events += part.events;
  sum.virtualMs += part.virtualMs;
  sum.replayed += part.replayed;
  sum.violations.push(...part.violations);
  for (const [name, count] of Object.entries(part.counts)) sum.counts[name] = (sum.counts[name] ?? 0) + count;
}

/** What must happen at least so often in 1,000 seeds: a simulation in which nothing goes wrong proves nothing. */
const sometimesPer1000: Readonly<Record<string, number>> = {
  enqueued: 20_000,
  unknown: 1000,
  'unknown, and stored': 200,
  'unknown, and not stored': 200,
  'refused: broker_refused': 200,
  'refused: broker_unavailable': 1000,
  'refused: overloaded': 500,
  'refused: shutting_down': 100,
  'refused: unsent write': 10,
  'refused: waited too long': 100,
  'unknown: deadline': 50,
  'fast refusals': 500,
  'closed with work under way': 20,
  'verdict: partial': 50,
  'verdict: ambiguous': 50,
  'verdict: redis refuses': 50,
  'verdict: deadline': 10,
  'verdict: resent': 10,
  'verdict: resent, then refused': 10,
  'verdict: silent': 20,
  'verdict: lie': 30,
  'shutdown in progress': 10,
  'stray replies': 20,
  'greeting lies': 20,
  'connection limit': 50,
  'connect attempts': 3000,
  crashes: 50,
  'cut up: rst': 30,
  'cut up: fin': 15,
  'cut down: rst': 30,
  'cut down: fin': 30,
  'cut down: stall': 30,
  'pings answered': 100,
  'pings failed': 50,
  'probes enqueued': 1000,
  'explicit jobs': 3000,
  'scheduled jobs': 1500,
  'large arguments': 200,
  'compressed arguments': 200,
};

/** The things that happened too rarely, as sentences. */
export function rarities({ counts, seeds }: Tally): string[] {
  return Object.entries(sometimesPer1000)
    .map(([name, least]) => ({ name, least: Math.ceil((least * seeds) / 1000), count: counts[name] ?? 0 }))
    .filter(({ least, count }) => count < least)
    .map(({ name, least, count }) => `"${name}" happened ${count} times in ${seeds} seeds, not ${least}`);
}
