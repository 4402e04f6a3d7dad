// The response of a stream: a report for each line, in the order of the lines, and a summary. Outcomes come in any order. The
// number of lines without a report has a limit, so that a caller that does not read its reports stops the reading of its lines.
import type { ServerResponse } from 'node:http';
import { createFifo, type Fifo } from '../../domain/fifo.ts';
import type { LineResult } from './slice.ts';

/** `errors`: lines that are not enqueued. `summary`: no lines. */
export const reportModes = ['all', 'errors', 'summary'] as const;
export type ReportMode = (typeof reportModes)[number];

export interface Counts {
  lines: number;
  enqueued: number;
  rejected: number;
  failed: number;
  unknown: number;
}

export interface ReportLimits {
  linesMax: number;
  bytesMax: number;
}

export interface Reports {
  /** False: no further line may be pushed. */
  readonly hasRoom: boolean;
  /** True while lines were pushed whose reports are not written yet. */
  readonly isOwed: boolean;
  readonly counts: Readonly<Counts>;
  /** Adds lines after all others. The function that it returns takes their results, and is called once. */
  add(lines: number, bytes: number): (results: readonly LineResult[]) => void;
  /** Resolves at the next change of `hasRoom` or `isOwed`, never at once. */
  changed(): Promise<void>;
  /** Resolves every `changed`. */
  wake(): void;
}

/** Lines that are pushed together. */
interface Pending {
  readonly lines: number;
  readonly bytes: number;
  text: string | undefined;
}

export const writeLine = (value: object): string => `${JSON.stringify(value)}\n`;

export function createReports(response: ServerResponse, mode: ReportMode, limits: ReportLimits): Reports {
  const pending: Fifo<Pending> = createFifo();
  const counts: Counts = { lines: 0, enqueued: 0, rejected: 0, failed: 0, unknown: 0 };
  let lines = 0;
  let bytes = 0;
  let waiting: (() => void)[] = [];

  function wake(): void {
    const woken = waiting;
    waiting = [];
    for (const resolve of woken) resolve();
  }

  function write(results: readonly LineResult[]): string {
    let text = '';
    for (const result of results) {
      counts.lines += 1;
      counts[result.status] += 1;
      if (mode === 'all' || (mode === 'errors' && result.status !== 'enqueued')) text += writeLine(result);
    }
    return text;
  }

  /** Writes the reports up to the first lines whose outcome is not known yet. */
  function flush(): void {
    for (let next; (next = pending.peek()) !== undefined && next.text !== undefined;) {
      pending.shift();
      lines -= next.lines;
      bytes -= next.bytes;
      if (next.text !== '' && !response.destroyed) response.write(next.text);
    }
    wake();
  }

  response.on('drain', wake);

  return {
    get hasRoom() {
      return lines < limits.linesMax && bytes < limits.bytesMax && !response.writableNeedDrain;
    },
    get isOwed() {
      return pending.size > 0;
    },
    counts,
    add(addedLines, addedBytes) {
      const added: Pending = { lines: addedLines, bytes: addedBytes, text: undefined };
      pending.push(added);
      lines += addedLines;
      bytes += addedBytes;
      return (results) => {
        added.text = write(results);
        flush();
      };
    },
    changed: () => new Promise((resolve) => void waiting.push(resolve)),
    wake,
  };
}
