// The names that a queue may have.

/** Faktory takes these characters only (contribsys/faktory storage/redis.go, v1.9.4), at any length. */
export const queuePattern = /^[A-Za-z0-9._-]{1,100}$/;

/**
 * Keys that Faktory 1.9.4 has in Redis beside its queues. The key of a queue is its bare name (storage/, server/server.go), so a
 * push to a queue of such a name breaks INFO, and every later FETCH loses a job.
 */
const reservedNames: ReadonlySet<string> = new Set([
  'scheduled',
  'retries',
  'dead',
  'working',
  'queues',
  'paused',
  'processed',
  'failures',
]);

/** Why a text cannot be the name of a queue; undefined: it can. */
export function queueNameProblem(name: string): string | undefined {
  if (!queuePattern.test(name)) return 'must be 1 to 100 of A-Z a-z 0-9 . _ -';
  if (reservedNames.has(name)) return `must not be ${name}: Faktory uses this name itself`;
  return undefined;
}
