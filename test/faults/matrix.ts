// The fault matrix: one row for each fault, what callers see of it, and the test that shows it. Tests report what they saw
// with `showed`; `npm run test:faults` gathers that for docs/reliability.md.
import { appendFileSync } from 'node:fs';

export interface FaultRow {
  /** What breaks, and how. */
  fault: string;
  /** What must hold. */
  promise: string;
  /** The file below test/ that shows it, and calls `showed` with the id of the row. */
  shownBy: string;
}

/** By id, in the order of the table. */
export const matrix = {} as const satisfies Record<string, FaultRow>;

export type FaultId = keyof typeof matrix;

/** Prints what a test saw, in figures, and keeps it where FAULT_FIGURES names a file. Several reports of a row are joined. */
export function showed(row: FaultId, seen: string): void {
  console.log(`${row}: ${seen}`);
  const file = process.env['FAULT_FIGURES'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ row, seen })}\n`);
}
