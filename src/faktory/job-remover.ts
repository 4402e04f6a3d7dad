// Removes jobs from a broker with MUTATE, before they start.
import { createRemovals } from '../domain/job-removals.ts';
import { RemovalError, type JobRemover } from '../domain/job-remover.ts';
import { createSideClient, SideError, type SideClientOptions } from './side-client.ts';

export interface JobRemoverOptions extends SideClientOptions {
  /** True when the broker is known to be the embedded one. */
  tells: () => boolean;
}

const sets = ['scheduled', 'retries'] as const;

/** The embedded broker replies with the jids. Faktory does not know `report` and replies OK; a space would end its command. */
const discard = (target: string, jids: readonly string[]): string[] => [
  'MUTATE',
  JSON.stringify({ cmd: 'discard', target, filter: { jids }, report: true }),
];

export function createJobRemover({ tells, ...options }: JobRemoverOptions): JobRemover {
  const side = createSideClient(options);
  return {
    get tells() {
      return tells();
    },
    remove: createRemovals(async (jids) => {
      try {
        // The order is that in which a job passes through the places, so a job that moves meanwhile is found in the next place.
        const places = tells() ? [...sets, 'queues'] : sets;
        const replies = await side.send(places.map((place) => discard(place, jids)));
        const told = replies.filter((reply) => reply !== 'OK');
        return new Set(told.flatMap((reply) => (JSON.parse(reply) as { jids: string[] }).jids));
      } catch (error) {
        if (error instanceof SideError) throw new RemovalError(error.outcome, error.cause);
        throw new RemovalError('unknown', error);
      }
    }),
    close: () => side.close(),
  };
}
