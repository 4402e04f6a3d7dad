// Findings on a terminal.
import type { Findings, Table } from '../scenario.ts';
import { figures, targetText, verdict } from './tables.ts';

export function printFindings({ checks, tables, notes = [] }: Findings): void {
  tables.forEach(printTable);
  for (const check of checks) {
    const measured = `${figures(check.measured)}${check.unit ?? ''}`;
    console.log(`${verdict(check)}  ${check.what}: ${measured}, target ${targetText(check)}`);
  }
  for (const note of notes) console.log(`note: ${note}`);
}

function printTable({ title, columns, rows }: Table): void {
  const widths = columns.map((column, index) => Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join('  ');
  console.log(`${title}\n  ${[columns, ...rows].map(line).join('\n  ')}`);
}
