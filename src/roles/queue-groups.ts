// The queues of a worker process, in groups. The queues of a group share WORKER_CONCURRENCY slots. A queue whose type has
// `ownSlots` is a group by itself, so that its slow jobs hold up no other queue (docs/decisions/0029-own-slots.md).
import { hostname } from 'node:os';
import type { Config } from '../config/load.ts';
import type { JobRegistry } from '../domain/job-type.ts';

export interface QueueGroup {
  queues: readonly string[];
  /** The id of the worker that fetches from these queues. The broker counts workers, not processes. */
  wid: string;
  hasOwnSlots: boolean;
}

export function createQueueGroups(
  { WORKER_QUEUES }: Pick<Config, 'WORKER_QUEUES'>,
  registry: JobRegistry,
): QueueGroup[] {
  const queues = WORKER_QUEUES ?? queuesOf(registry);
  const own = new Set(registry.types.filter(({ ownSlots }) => ownSlots).map(({ queue }) => queue));
  const shared = queues.filter((queue) => !own.has(queue));
  const separate = queues.filter((queue) => own.has(queue));
  return [...(shared.length > 0 ? [shared] : []), ...separate.map((queue) => [queue])].map((group) => ({
    queues: group,
    wid: createWid(),
    hasOwnSlots: group !== shared,
  }));
}

/** The queues of the types that this program's workers run. */
const queuesOf = ({ types }: JobRegistry): string[] => [
  ...new Set(types.filter(({ runs }) => runs !== 'elsewhere').map(({ queue }) => queue)),
];

/** Unique to one worker: a later worker with the same host and process id has another. */
export function createWid(): string {
  const suffix = Math.floor(Math.random() * 2 ** 32);
  return `${hostname()}-${process.pid}-${suffix.toString(16).padStart(8, '0')}`;
}
