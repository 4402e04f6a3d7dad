// The same comparison at several points: callers, sizes or distances along the x axis.
import type { LineChart } from '../report/chart.ts';
import { figures, problemsOf } from '../report/tables.ts';
import type { Findings, Table } from '../scenario.ts';
import { takeTurns, type Contestant, type Schedule, type Turn } from './contestants.ts';
import { median } from './stats.ts';

export interface Point {
  x: number;
  turns: ReadonlyMap<string, readonly Turn[]>;
}

/** Sweeps have more points than the targets, and shorter turns. */
export const sweepSchedule = ({ rounds, turnMs }: Schedule): Schedule => ({
  rounds: Math.min(3, rounds),
  turnMs: Math.min(1000, turnMs),
  warmUpMs: 500,
  startsAfresh: false,
});

export async function takePoint(x: number, contestants: readonly Contestant[], schedule: Schedule): Promise<Point> {
  return { x, turns: await takeTurns(contestants, sweepSchedule(schedule)) };
}

/** A table per measure, a line per contestant. */
export function sweepFindings(
  points: readonly Point[],
  chart: Omit<LineChart, 'kind' | 'lines' | 'yLabel'>,
  xName: (x: number) => string,
): Findings {
  const names = [...(points[0]?.turns.keys() ?? [])];
  const turnsOf = (point: Point, name: string): readonly Turn[] => point.turns.get(name) ?? [];
  const table = (title: string, key: 'jobsPerS' | 'p50Ms' | 'p99Ms'): Table => ({
    title,
    columns: ['', ...points.map(({ x }) => xName(x))],
    rows: names.map((name) => [name, ...points.map((point) => figures(turnsOf(point, name).map((turn) => turn[key])))]),
  });
  const lines = (key: 'jobsPerS' | 'p50Ms' | 'p99Ms', yLabel: string, rest: typeof chart): LineChart => ({
    kind: 'lines',
    yLabel,
    ...rest,
    lines: names.map((label) => ({
      label,
      points: points.map((point) => [point.x, median(turnsOf(point, label).map((turn) => turn[key]))] as const),
    })),
  });
  return {
    checks: [],
    tables: [table('Jobs/s in the broker', 'jobsPerS'), table('p50, ms', 'p50Ms'), table('p99, ms', 'p99Ms')],
    charts: [
      lines('jobsPerS', 'jobs stored per second', chart),
      lines('p50Ms', 'p50, ms', { ...chart, name: `${chart.name}-p50`, title: `${chart.title}: p50`, isLogY: true }),
      lines('p99Ms', 'p99, ms', { ...chart, name: `${chart.name}-p99`, title: `${chart.title}: p99`, isLogY: true }),
    ],
    notes: [
      'Turns of 1 s after 0.5 s of warm-up, the same processes throughout: the shape counts, not the single figure.',
      ...points.flatMap(({ x, turns }) => problemsOf(turns).map((problem) => `${xName(x)}: ${problem}`)),
    ],
  };
}
