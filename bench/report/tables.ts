// Figures as text, and the table that most scenarios show: one line per contestant.
import type { Turn } from '../harness/contestants.ts';
import type { BarChart } from './chart.ts';
import { median, spread } from '../harness/stats.ts';
import type { Check, Table } from '../scenario.ts';

/** Three significant digits, thousands separated. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  const rounded = Number(value.toPrecision(3));
  return rounded.toLocaleString('en-US', { maximumFractionDigits: Math.min(digits, 3) });
}

/** `1,234 (1,200-1,300)`: median, and the lowest and the highest round. */
export function figures(values: readonly number[]): string {
  const { median: middle, min, max } = spread(values);
  return values.length > 1 && Number.isFinite(middle)
    ? `${figure(middle)} (${figure(min)}-${figure(max)})`
    : figure(middle);
}

export function turnsTable(title: string, turns: ReadonlyMap<string, readonly Turn[]>): Table {
  const of = (list: readonly Turn[], key: 'jobsPerS' | 'cpuUsPerRequest' | 'p50Ms' | 'p99Ms') =>
    figures(list.map((turn) => turn[key]));
  return {
    title,
    columns: ['', 'jobs/s in the broker', 'CPU per request, us', 'p50 ms', 'p99 ms', 'generator, % of a core'],
    rows: [...turns].map(([name, list]) => [
      name,
      of(list, 'jobsPerS'),
      of(list, 'cpuUsPerRequest'),
      of(list, 'p50Ms'),
      of(list, 'p99Ms'),
      figures(list.map(({ generatorShare }) => Math.round(generatorShare * 100))),
    ]),
  };
}

/** What went wrong in any turn, for the notes. */
export const problemsOf = (turns: ReadonlyMap<string, readonly Turn[]>): string[] =>
  [...turns].flatMap(([name, list]) =>
    list.flatMap(({ problem }, round) => (problem === undefined ? [] : [`${name}, round ${round + 1}: ${problem}`])),
  );

export const rateBars = (name: string, title: string, turns: ReadonlyMap<string, readonly Turn[]>): BarChart => ({
  kind: 'bars',
  name,
  title,
  unit: 'jobs/s',
  bars: [...turns].map(([label, list]) => {
    const { median: value, min, max } = spread(list.map(({ jobsPerS }) => jobsPerS));
    return { label, value, min, max };
  }),
});

/** A ratio that is not finite is no figure: a contestant has stored no job. */
const reaches = (value: number, target: Check['target']): boolean =>
  Number.isFinite(value) && ('atLeast' in target ? value >= target.atLeast : value <= target.atMost);

export const passes = ({ measured, target }: Check): boolean => reaches(median(measured), target);

/** The median decides; said beside it: whether all rounds agree. */
export function verdict(check: Check): string {
  const agree = check.measured.filter((value) => reaches(value, check.target) === passes(check)).length;
  const word = passes(check) ? 'pass' : 'MISS';
  return agree === check.measured.length ? word : `${word}, ${agree} of ${check.measured.length} rounds`;
}

export const targetText = ({ target, unit = '' }: Check): string =>
  'atLeast' in target ? `>= ${target.atLeast}${unit}` : `<= ${target.atMost}${unit}`;
