// What a scenario is given and what it gives back.
import type { Schedule } from './harness/contestants.ts';
import type { Scope } from './harness/scope.ts';
import type { Chart } from './report/chart.ts';

export interface Bench {
  /** Everything that the scenario starts belongs to it. */
  scope: Scope;
  schedule: Schedule;
  isQuick: boolean;
}

/** One sentence of the targets. `measured` holds a value per round; their median decides. */
export interface Check {
  what: string;
  measured: readonly number[];
  target: { atLeast: number } | { atMost: number };
  unit?: string;
}

export interface Table {
  title: string;
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}

export interface Findings {
  checks: Check[];
  tables: Table[];
  charts?: Chart[];
  /** What the reader must know to judge the figures, problems included. */
  notes?: string[];
}

export interface Scenario {
  id: string;
  title: string;
  /** Without it the scenario is skipped, loudly. */
  needs: readonly ('Faktory' | 'Redis')[];
  /** Left out of a quick run. */
  isLong?: true;
  run(bench: Bench): Promise<Findings>;
}
