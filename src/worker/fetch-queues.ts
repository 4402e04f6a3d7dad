// The queues that a worker fetches from, in the order in which the broker looks into them.
import type { JobRegistry } from '../domain/job-type.ts';
import type { Handlers } from '../handlers/handlers.ts';

export interface FetchQueues {
  /** False: no handler process is ready, and every queue needs one. */
  readonly canFetch: boolean;
  /** The queues of one FETCH. Only while `canFetch` is true. */
  next(): readonly string[];
}

export interface FetchQueuesOptions {
  queues: readonly string[];
  /**
   * False: the order is random, because a full queue would keep the queues after it from being served
   * (contribsys/faktory server/commands.go, v1.9.4: the first queue that has a job).
   */
  isInOrder: boolean;
  registry: JobRegistry;
  handlers: Handlers | undefined;
  random: () => number;
}

export function createFetchQueues({ queues, isInOrder, registry, handlers, random }: FetchQueuesOptions): FetchQueues {
  const needsHandler = (queue: string): boolean =>
    registry.types.some((type) => type.runs === 'in handler process' && type.queue === queue);
  const inlineQueues = queues.filter((queue) => !needsHandler(queue));
  const served = (): readonly string[] => ((handlers?.isUp ?? true) ? queues : inlineQueues);
  return {
    get canFetch() {
      return served().length > 0;
    },
    next: () => (isInOrder ? served() : shuffled(served(), random)),
  };
}

function shuffled(queues: readonly string[], random: () => number): readonly string[] {
  if (queues.length < 2) return queues;
  const left = [...queues];
  return queues.map(() => left.splice(Math.floor(random() * left.length), 1)[0] as string);
}
