// The generated parts of docs/reliability.md: the fault matrix with what each row showed when it last ran, and the planted
// bugs of the simulation. What was not run keeps its text.
import { mutants } from '../simulation/mutants.ts';
import { matrix, type FaultId, type FaultRow, type Figure } from './matrix.ts';

const notRun = 'not run yet';

/** @param machine the line above the table; without it the present one stays */
export function updateReport(document: string, figures: readonly Figure[], machine?: string): string {
  const seenNow = new Map<string, string>();
  for (const figure of figures) {
    const id = 'row' in figure ? figure.row : figure.bug;
    const before = seenNow.get(id);
    seenNow.set(id, before === undefined ? figure.seen : `${before}; ${figure.seen}`);
  }
  const withFaults = replacePart(document, 'faults', (part) => {
    const line = machine === undefined ? /^Last run .*$/m.exec(part)?.[0] : `Last run on ${machine}.`;
    return [line ?? notRun, '', ...faultTable(createLookUp(part, seenNow))].join('\n');
  });
  return replacePart(withFaults, 'planted bugs', (part) => bugTable(createLookUp(part, seenNow)).join('\n'));
}

function replacePart(document: string, name: string, replace: (part: string) => string): string {
  const pieces = document.split(new RegExp(`(<!-- /?${name} -->)`));
  if (pieces.length !== 5) throw new Error(`docs/reliability.md lost its marks of "${name}"`);
  return pieces.with(2, `\n\n${replace(pieces[2] as string)}\n\n`).join('');
}

const escape = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const tableRow = (cells: readonly string[]): string => `| ${cells.map(escape).join(' | ')} |`;

/** What a row showed: now, or else as its last cell in the table has it. */
function createLookUp(part: string, seenNow: ReadonlyMap<string, string>): (id: string) => string {
  const former = new Map<string, string>();
  for (const line of part.split('\n')) {
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'));
    former.set(cells[1] ?? '', cells.at(-2) ?? '');
  }
  return (id) => seenNow.get(id) ?? former.get(id) ?? notRun;
}

function faultTable(seen: (id: string) => string): string[] {
  const rows = Object.entries(matrix) as [FaultId, FaultRow][];
  return [
    tableRow(['#', 'Fault', 'What must hold', 'Shown by', 'Seen']),
    tableRow(['---', '---', '---', '---', '---']),
    ...rows.map(([id, { fault, promise, shownBy }]) =>
      tableRow([id, fault, promise, `[${shownBy.replace('.test.ts', '')}](../test/${shownBy})`, seen(id)]),
    ),
  ];
}

function bugTable(seen: (id: string) => string): string[] {
  return [
    tableRow(['A client that', 'Changed', 'Caught']),
    tableRow(['---', '---', '---']),
    ...mutants.map(({ name, edits }) => {
      const files = [...new Set(edits.map(({ file }) => file))];
      return tableRow([name, files.join(', '), seen(name)]);
    }),
  ];
}
