// Takes jobs out of a broker with MUTATE, before they start.
import { createRemovals } from '../domain/job-removals.ts';
import { RemovalError, type JobRemover } from '../domain/job-remover.ts';
import { createSideClient, SideError, type SideClientOptions } from './side-client.ts';

export interface JobRemoverOptions extends SideClientOptions {
  /** Whether the broker is the embedded one, as far as is known. */
  tells: () => boolean;
}

const sets = ['scheduled', 'retries'] as const;

/** The embedded broker replies with the jids. Faktory does not know `report`, replies OK, and would end the command at a space. */
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
        // In the order in which a job passes through them: a job that moves meanwhile is found in the next set.
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
