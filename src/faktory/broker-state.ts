// The state of a broker: INFO, and QUEUE LATENCY for the queues that have jobs (contribsys/faktory server/commands.go,
// v1.9.4).
import type { BrokerState, QueueState } from '../domain/broker-state.ts';
import type { FaktoryClient } from './client.ts';

/** QUEUE LATENCY reads the oldest job of each queue that it names, so it is sent for the fullest queues only. */
const latenciesMax = 100;

/** Fields of INFO that are not in the library's types. */
interface More {
  tasks: { Busy?: { size?: number } };
  total_processed?: number;
  total_failures?: number;
}

/** Rejects when the broker does not reply, or when its reply has no numbers. */
export async function readBrokerState(client: Pick<FaktoryClient, 'info' | 'send'>): Promise<BrokerState> {
  const { faktory } = await client.info();
  const { queues: sizes, tasks } = faktory;
  const { tasks: moreTasks, total_processed: processed = NaN, total_failures: failures = NaN } = faktory as More;
  const depths = Object.entries(sizes);
  const counts = {
    scheduled: tasks.Scheduled.size,
    retries: tasks.Retries.size,
    dead: tasks.Dead.size,
    working: moreTasks.Busy?.size ?? NaN,
    processed,
    failures,
  };
  const numbers = [...Object.values(counts), ...depths.map(([, depth]) => depth)];
  if (!numbers.every(Number.isFinite)) throw new Error('INFO lacks numbers of jobs');
  const latencies = await readLatencies(client, depths);
  const queues = depths.map(([name, depth]): QueueState => {
    const seconds = latencies.get(name) ?? (depth === 0 ? 0 : undefined);
    return { name, depth, latencySeconds: seconds, isPaused: undefined };
  });
  return { queues, ...counts };
}

/** Empty when the broker does not know the command (before 1.9.2), or its reply is no list of numbers. */
async function readLatencies(
  client: Pick<FaktoryClient, 'send'>,
  depths: readonly (readonly [string, number])[],
): Promise<ReadonlyMap<string, number>> {
  const names = depths
    .filter(([, depth]) => depth > 0)
    .sort(([, one], [, other]) => other - one)
    .slice(0, latenciesMax)
    .map(([name]) => name);
  if (names.length === 0) return new Map();
  try {
    const seconds: unknown = JSON.parse(await client.send(['QUEUE', 'LATENCY', ...names]));
    const entries = Object.entries(seconds as Record<string, unknown>);
    return new Map(entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
  } catch {
    return new Map();
  }
}
