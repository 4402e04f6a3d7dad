// How many files and connections this process may have open.
import { readFileSync } from 'node:fs';

/** Undefined: the system does not say, or sets no limit. Node raises the soft limit to the hard limit when it starts. */
export function openFilesMax(limitsPath = '/proc/self/limits'): number | undefined {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync(limitsPath, 'utf8'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
