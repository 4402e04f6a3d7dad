// From turns to checks: one contestant against another, round by round.
import type { Check } from '../scenario.ts';
import type { Turn } from './contestants.ts';
import { ratios } from './stats.ts';

export type Turns = ReadonlyMap<string, readonly Turn[]>;

const of = (turns: Turns, name: string, key: 'jobsPerS' | 'cpuUsPerRequest'): number[] => {
  const list = turns.get(name);
  if (list === undefined) throw new Error(`no contestant ${name}`);
  return list.map((turn) => turn[key]);
};

export const compareRates = (turns: Turns, ours: string, theirs: string, target: Check['target']): Check => ({
  what: `jobs/s stored: ${ours} against ${theirs}`,
  measured: ratios(of(turns, ours, 'jobsPerS'), of(turns, theirs, 'jobsPerS')),
  target,
});

export const compareCpu = (turns: Turns, ours: string, theirs: string, target: Check['target']): Check => ({
  what: `CPU of the API process per request: ${ours} against ${theirs}`,
  measured: ratios(of(turns, ours, 'cpuUsPerRequest'), of(turns, theirs, 'cpuUsPerRequest')),
  target,
});
