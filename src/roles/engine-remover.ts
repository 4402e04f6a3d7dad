// Removes jobs from a broker in this process before they start.
import type { Mutations } from '../broker/queues/mutations.ts';
import { createRemovals } from '../domain/job-removals.ts';
import { RemovalError, type JobRemover } from '../domain/job-remover.ts';

/** The places in the order in which a job passes through them: a job that moves meanwhile is found in the next place. */
const places = ['scheduled', 'retries', 'queues'] as const;

export function createEngineRemover(mutations: Pick<Mutations, 'discard'>): JobRemover {
  return {
    tells: true,
    remove: createRemovals(async (jids) => {
      const removed = new Set<string>();
      try {
        for (const place of places) {
          const left = jids.filter((jid) => !removed.has(jid));
          if (left.length > 0) for (const jid of await mutations.discard(place, left)) removed.add(jid);
        }
        return removed;
      } catch (error) {
        throw new RemovalError('unknown', error);
      }
    }),
    close: () => Promise.resolve(),
  };
}
