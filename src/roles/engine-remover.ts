// Takes jobs out of a broker in this process, before they start.
import type { Mutations } from '../broker/mutate.ts';
import { RemovalError, type JobRemover } from '../domain/job-remover.ts';

/** In the order of a job's way: one that moves on meanwhile is found at the next place. */
const places = ['scheduled', 'retries', 'queues'] as const;

export function createEngineRemover(mutations: Pick<Mutations, 'discard'>): JobRemover {
  return {
    tells: true,
    async remove(jid) {
      try {
        for (const place of places) if ((await mutations.discard(place, [jid])) > 0) return true;
        return false;
      } catch (error) {
        throw new RemovalError('unknown', error);
      }
    },
    close: () => Promise.resolve(),
  };
}
