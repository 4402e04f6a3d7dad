// How many callers may be connected: as many as the limit of open files allows.
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
