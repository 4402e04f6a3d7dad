// The name of a worker at the broker.
import { hostname } from 'node:os';

/** Unique to one worker: a later worker with the same host and process id has another. */
export function createWid(random: () => number): string {
  const suffix = Math.floor(random() * 2 ** 32);
  return `${hostname()}-${process.pid}-${suffix.toString(16).padStart(8, '0')}`;
}
