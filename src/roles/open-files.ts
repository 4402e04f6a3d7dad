// How many files and connections this process may have open.
import { readFileSync } from 'node:fs';

/** Undefined where the system does not say, or sets no limit. Node has raised the soft limit to the hard one when it started. */
export function openFilesMax(limitsPath = '/proc/self/limits'): number | undefined {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync(limitsPath, 'utf8'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
