// Jobs in the broker, Faktory or the embedded one; and groups, connections and commands of the embedded broker.
import type { Registry } from 'prom-client';
import type { BrokerPoll, BrokerState, QueueState } from '../domain/broker-state.ts';
import { secondsBuckets } from './http.ts';
import type { Names } from './names.ts';
import { addMetric, readOne, type Value } from './read.ts';
import { createOneHistogram } from './tally.ts';

/** Of the embedded broker. */
export interface BrokerReading {
  connections: number;
  workers: number;
  commands: number;
  /** False: its store takes nothing. */
  isStoring: boolean;
}

export interface BrokerMetrics {
  /** One group that the embedded broker synced, or failed to sync. */
  brokerGroup(seconds: number, bytes: number): void;
  /** Sets the function that asks the broker when the page is read, which waits half a second at most. The last one set counts. */
  readBrokerState(poll: BrokerPoll): void;
  readBroker(read: () => Readonly<BrokerReading>): void;
}

const bytesBuckets = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216];

export function createBrokerMetrics(registry: Registry, queueNames: Names): BrokerMetrics {
  let poll: BrokerPoll | undefined;
  let reading: (() => Readonly<BrokerReading>) | undefined;
  const groupSeconds = createOneHistogram({
    registry,
    name: 'work_factory_broker_group_duration_seconds',
    help: 'Embedded broker: from the write of a group to the end of its sync to disk; its count is the number of groups.',
    buckets: secondsBuckets,
  });
  const groupBytes = createOneHistogram({
    registry,
    name: 'work_factory_broker_group_bytes',
    help: 'Embedded broker: size of what was synced together.',
    buckets: bytesBuckets,
  });
  addState(registry, queueNames, async () => poll?.look());
  addReading(registry, () => reading?.());
  return {
    brokerGroup(seconds, bytes) {
      groupSeconds(seconds);
      groupBytes(bytes);
    },
    readBrokerState: (given) => void (poll = given),
    readBroker: (read) => void (reading = read),
  };
}

function addState(registry: Registry, queueNames: Names, look: () => Promise<BrokerState | undefined>): void {
  const of = (name: string, help: string, label: string) => ({
    registry,
    name,
    help,
    labelNames: [label],
    aggregator: 'max' as const,
  });
  const ofJobs = of(
    'work_factory_broker_jobs',
    'Jobs in the broker by where they are; absent when it did not reply.',
    'state',
  );
  addMetric(ofJobs, 'gauge', async () => {
    const state = await look();
    if (state === undefined) return [];
    const { scheduled, retries, dead, working, queues } = state;
    const queued = queues.reduce((sum, { depth }) => sum + depth, 0);
    return Object.entries({ queued, scheduled, retrying: retries, dead, working }).map(([key, value]) => ({
      labels: { state: key },
      value,
    }));
  });
  const ofDepth = of(
    'work_factory_queue_depth_jobs',
    'Jobs in each queue of the broker; `other`: the jobs of all queues beyond the limit of names.',
    'queue',
  );
  addMetric(ofDepth, 'gauge', async () =>
    byQueue(
      queueNames,
      (await look())?.queues,
      ({ depth }) => depth,
      (one, other) => one + other,
    ),
  );
  const ofLatency = of(
    'work_factory_queue_latency_seconds',
    'Age of the oldest job of each queue of the broker; `other`: the greatest age among the queues beyond the limit of names.',
    'queue',
  );
  addMetric(ofLatency, 'gauge', async () =>
    byQueue(queueNames, (await look())?.queues, ({ latencySeconds }) => latencySeconds, Math.max),
  );
  const ofEnded = of(
    'work_factory_broker_jobs_ended_total',
    'Jobs that ended (processed), and attempts that failed, as the broker counts them since its data began.',
    'outcome',
  );
  addMetric(ofEnded, 'counter', async () => {
    const state = await look();
    if (state === undefined) return [];
    return [
      { labels: { outcome: 'processed' }, value: state.processed },
      { labels: { outcome: 'failed' }, value: state.failures },
    ];
  });
}

function byQueue(
  names: Names,
  queues: readonly QueueState[] = [],
  valueOf: (queue: QueueState) => number | undefined,
  join: (one: number, other: number) => number,
): Value[] {
  const values = new Map<string, number>();
  for (const queue of queues) {
    const value = valueOf(queue);
    if (value === undefined) continue;
    const label = names.labelOf(queue.name);
    const before = values.get(label);
    values.set(label, before === undefined ? value : join(before, value));
  }
  return [...values].map(([queue, value]) => ({ labels: { queue }, value }));
}

function addReading(registry: Registry, read: () => Readonly<BrokerReading> | undefined): void {
  const of = (name: string, help: string) => ({ registry, name: `work_factory_broker_${name}`, help });
  const isStoring = (): number | undefined => {
    const now = read();
    return now && Number(now.isStoring);
  };
  readOne(of('store_up', 'Embedded broker: 0 while its store takes nothing.'), 'gauge', isStoring);
  readOne(of('connections', 'Embedded broker: connections of clients.'), 'gauge', () => read()?.connections);
  readOne(of('workers', 'Embedded broker: workers that are connected.'), 'gauge', () => read()?.workers);
  readOne(of('commands_total', 'Embedded broker: commands of clients.'), 'counter', () => read()?.commands);
}
