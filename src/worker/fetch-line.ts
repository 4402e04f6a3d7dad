// The FETCH of a worker: the queues in the order in which the broker looks into them.
import type { JobRegistry } from '../domain/job-type.ts';

/** The queues that can be served while no handler process is ready. */
export const inlineQueuesOf = (queues: readonly string[], { types }: JobRegistry): string[] =>
  queues.filter((queue) => !types.some((type) => type.runs === 'in handler process' && type.queue === queue));

/**
 * @param isInOrder false: no queue comes first, because a full one would keep the others from being served
 * (contribsys/faktory server/commands.go, v1.9.4: the first queue that has a job)
 */
export function createFetchLine(queues: readonly string[], isInOrder: boolean, random: () => number): () => string {
  const inOrder = `FETCH ${queues.join(' ')}`;
  if (isInOrder || queues.length < 2) return () => inOrder;
  return () => {
    const left = [...queues];
    let line = 'FETCH';
    while (left.length > 0) line += ` ${left.splice(Math.floor(random() * left.length), 1)[0] ?? ''}`;
    return line;
  };
}
