// How many callers may be connected: as many as the limit of open files allows.
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { connectionsMax, connectionsShareOfFiles } from '../http/limits.ts';

/** @param filesMax undefined: open files have no limit */
export function connectionsWithin(filesMax: number | undefined, log: Pick<Logger, 'warn'>): number {
  const most = Math.floor((filesMax ?? Infinity) * connectionsShareOfFiles);
  if (most >= connectionsMax) return connectionsMax;
  const wanted = connectionsMax / connectionsShareOfFiles;
  log.warn(
    `the limit on open files (ulimit -n, RLIMIT_NOFILE) is ${filesMax}: ${most} callers may be connected, not ${connectionsMax}. Raise it to ${wanted}`,
  );
  return most;
}

/** Undefined: the system does not say, or sets no limit. Node raises the soft limit to the hard limit when it starts. */
export function openFilesMax(limitsPath = '/proc/self/limits'): number | undefined {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync(limitsPath, 'utf8'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
