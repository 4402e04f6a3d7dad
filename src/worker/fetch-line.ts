// The FETCH of a worker: the queues in the order in which the broker looks into them.

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
