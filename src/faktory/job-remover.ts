// Takes jobs out of a broker with MUTATE, before they start. On a connection of its own: Faktory (v1.9.4, server/mutate.go)
// looks through a whole set for each, and a job that is enqueued must not wait behind that.
import type { Clock } from '../domain/clock.ts';
import { createRemovals } from '../domain/job-removals.ts';
import { RemovalError, type JobRemover } from '../domain/job-remover.ts';
import type { FaktoryClient } from './client.ts';

export interface JobRemoverOptions {
  /** Opens a client of one connection; called for the first removal. */
  open: () => FaktoryClient;
  /** Whether the broker is the embedded one, as far as is known. */
  tells: () => boolean;
  clock: Clock;
  /** For the replies. */
  timeoutMs: number;
}

const sets = ['scheduled', 'retries'] as const;

/** The embedded broker answers with the jids, Faktory, which does not know `report`, with OK. No spaces: Faktory cuts there. */
const discard = (target: string, jids: readonly string[]): string[] => [
  'MUTATE',
  JSON.stringify({ cmd: 'discard', target, filter: { jids }, report: true }),
];

export function createJobRemover({ open, tells, clock, timeoutMs }: JobRemoverOptions): JobRemover {
  let client: FaktoryClient | undefined;
  /** It is connected, or could not be. */
  let tried: Promise<void> | undefined;

  function openClient(): FaktoryClient {
    const opened = open();
    tried = new Promise((resolve) => {
      opened.onChange = () => {
        if (opened.live.length > 0 || opened.downReason) resolve();
      };
    });
    return opened;
  }

  async function connected(): Promise<FaktoryClient> {
    const opened = (client ??= openClient());
    await tried;
    if (opened.live.length > 0) return opened;
    throw new RemovalError('away', opened.downReason);
  }

  async function inTime<Value>(waited: Promise<Value>): Promise<Value> {
    let onLate: (error: Error) => void;
    const late = new Promise<never>((_, reject) => (onLate = reject));
    const timer = clock.after(timeoutMs, () => onLate(new Error('no answer from the broker in time')));
    return Promise.race([waited, late]).finally(() => timer.cancel());
  }

  return {
    get tells() {
      return tells();
    },
    remove: createRemovals(async (jids) => {
      const live = await connected();
      // In the order in which a job passes them: a job that moves on meanwhile is found at the next place.
      const places = tells() ? [...sets, 'queues'] : sets;
      const replies = inTime(Promise.all(places.map((place) => live.send(discard(place, jids)))));
      try {
        const told = (await replies).filter((reply) => reply !== 'OK');
        return new Set(told.flatMap((reply) => (JSON.parse(reply) as { jids: string[] }).jids));
      } catch (error) {
        throw new RemovalError('unknown', error);
      }
    }),
    close: async () => client?.close(),
  };
}
