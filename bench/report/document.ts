// docs/benchmarks.md and its pictures, made from a run's findings and from nothing else.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Schedule } from '../harness/contestants.ts';
import type { Findings, Scenario, Table } from '../scenario.ts';
import { drawChart } from './chart.ts';
import type { Fact } from './machine.ts';
import { figures, targetText, verdict } from './tables.ts';

export type Entry = { scenario: Scenario } & ({ findings: Findings; skipped?: never } | { skipped: string });

export function writeDocument(
  root: string,
  facts: readonly Fact[],
  schedule: Schedule,
  entries: readonly Entry[],
): void {
  const folder = join(root, 'docs', 'benchmarks');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { findings } of entries.filter((entry) => 'findings' in entry)) {
    for (const chart of findings.charts ?? []) writeFileSync(join(folder, `${chart.name}.svg`), drawChart(chart));
  }
  const parts = [head(facts, schedule), summary(entries), ...entries.map(section)];
  writeFileSync(join(root, 'docs', 'benchmarks.md'), `${parts.join('\n\n')}\n`);
}

const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

const table = (columns: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(columns), row(columns.map(() => '---')), ...rows.map(row)].join('\n');

const head = (facts: readonly Fact[], { rounds, turnMs }: Schedule): string => `# Benchmarks

Made by \`npm run bench -- --write\`; how it is measured, and why so, is in [decisions/0007-benchmarks.md](decisions/0007-benchmarks.md).
Real Faktory is the \`faktory\` on the PATH, or FAKTORY_BIN (test/faktory-server builds it).
\`npm run bench -- --quick\` checks all targets in three minutes (P8 with fewer jobs; its short warm-up lowers some rates by up to a sixth), \`npm run bench -- --only P1,P3\` some of them.

Server, load generator, broker and Redis share one machine, so absolute figures say little; ratios are taken within a round
in which all contestants took their turns. Every figure is the median of the rounds (${rounds} of ${turnMs / 1000} s where nothing else is said; in P1 to P3 each with new processes),
with the lowest and the highest in brackets. Jobs are counted in the broker, not by HTTP responses.

${table(['', ''], facts)}`;

function summary(entries: readonly Entry[]): string {
  const rows = entries.flatMap(({ scenario, ...entry }) =>
    'findings' in entry
      ? entry.findings.checks.map((check) => [
          scenario.id,
          check.what,
          targetText(check),
          `${figures(check.measured)}${check.unit ?? ''}`,
          verdict(check),
        ])
      : [[scenario.id, scenario.title, '', `not measured: ${entry.skipped}`, '']],
  );
  return `## Targets\n\n${table(['', 'What', 'Target', 'Measured', ''], rows)}`;
}

function section({ scenario, ...entry }: Entry): string {
  const title = `## ${scenario.id}: ${scenario.title}`;
  if (!('findings' in entry)) return `${title}\n\nNot measured: ${entry.skipped}.`;
  const { tables, charts = [], notes = [] } = entry.findings;
  const parts = [
    title,
    ...charts.map(({ name, title: picture }) => `![${picture}](benchmarks/${name}.svg)`),
    ...tables.map((shown: Table) => `${shown.title}:\n\n${table(shown.columns, shown.rows)}`),
    notes.map((note) => `- ${note}`).join('\n'),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}
