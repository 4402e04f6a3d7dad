// The figures that the console shows of a moment, from the page of metrics and from the broker. Units are seconds and jobs.
import type { BrokerState, QueueState } from '../../domain/broker-state.ts';
import { consoleQueuesMax } from '../limits.ts';
import { readSeries, type Series } from './metrics-page.ts';

/** Counters at one moment, of which two make a rate. */
export interface Counts {
  /** The time by a clock that does not jump. */
  readonly atMs: number;
  /** Jobs offered over HTTP, by outcome. */
  readonly offered: Readonly<Record<string, number>>;
  /** Undefined when the broker did not say. */
  readonly processed: number | undefined;
  readonly failures: number | undefined;
  /** Responses to POST /jobs*, by the upper edge of their bucket in seconds, cumulative. */
  readonly responses: ReadonlyMap<number, number>;
}

export interface Figures {
  readonly broker: object | null;
  readonly worker: object | null;
  readonly connections: object;
  readonly pending: Readonly<Record<string, number>>;
  readonly types: readonly object[];
}

const prefix = 'work_factory_';
const responses = 'http_server_request_duration_seconds_bucket';
const names = new Set([
  responses,
  ...[
    'jobs_total',
    'http_connections',
    'pending_jobs',
    'faktory_connections',
    'faktory_up',
    'broker_connections',
    'broker_workers',
    'worker_slots',
    'worker_jobs',
    'worker_job_duration_seconds_count',
    'worker_last_fetch_timestamp_seconds',
    'worker_last_beat_timestamp_seconds',
    'handler_processes',
  ].map((name) => prefix + name),
]);

type Read = (name: string) => readonly Series[];

const sumBy = (series: readonly Series[], label: string): Record<string, number> => {
  const sums: Record<string, number> = {};
  for (const { labels, value } of series) {
    const key = labels[label] ?? '';
    sums[key] = (sums[key] ?? 0) + value;
  }
  return sums;
};

const total = (series: readonly Series[]): number | undefined =>
  series.length === 0 ? undefined : series.reduce((sum, { value }) => sum + value, 0);

export const queuedJobs = (queues: readonly QueueState[]): number => queues.reduce((sum, { depth }) => sum + depth, 0);

/** The paused queues, because somebody may want to resume them, and the fullest queues, by name. Nobody reads 10,000 rows. */
function shownQueues(queues: readonly QueueState[]): object[] {
  const weight = ({ depth, isPaused }: QueueState): number => (isPaused ? Infinity : depth);
  return [...queues]
    .sort((one, other) => Math.sign(weight(other) - weight(one)) || (one.name < other.name ? -1 : 1))
    .slice(0, consoleQueuesMax)
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, depth, latencySeconds, isPaused }) => ({
      name,
      depth,
      latency_seconds: latencySeconds ?? null,
      paused: isPaused ?? null,
    }));
}

function describeBroker(state: BrokerState, read: Read): object {
  const { queues, scheduled, retries, dead, working } = state;
  return {
    ...{ queued: queuedJobs(queues), working, scheduled, retries, dead },
    queues: shownQueues(queues),
    queues_total: queues.length,
    connections: total(read('broker_connections')) ?? null,
    workers: total(read('broker_workers')) ?? null,
  };
}

function describeWorker(read: Read): object | null {
  const slots = total(read('worker_slots'));
  if (slots === undefined) return null;
  return {
    slots,
    jobs: sumBy(read('worker_jobs'), 'stage'),
    handlers: sumBy(read('handler_processes'), 'state'),
    last_fetch_at: total(read('worker_last_fetch_timestamp_seconds')) ?? null,
    last_beat_at: total(read('worker_last_beat_timestamp_seconds')) ?? null,
  };
}

function describeConnections(read: Read): object {
  const states = read('faktory_connections');
  const roles = [...new Set(states.map(({ labels }) => labels['role'] ?? ''))].map((role) => ({
    role,
    up: read('faktory_up').find(({ labels }) => labels['role'] === role)?.value !== 0,
    states: sumBy(
      states.filter(({ labels }) => labels['role'] === role),
      'state',
    ),
  }));
  return { http: sumBy(read('http_connections'), 'state'), broker: roles };
}

function describeTypes(read: Read): object[] {
  const enqueued = sumBy(
    read('jobs_total').filter(({ labels }) => labels['outcome'] === 'enqueued'),
    'operation',
  );
  const ended = read('worker_job_duration_seconds_count');
  const endedAs = (outcome: string): Record<string, number> =>
    sumBy(
      ended.filter(({ labels }) => labels['outcome'] === outcome),
      'operation',
    );
  const [succeeded, failed] = [endedAs('succeeded'), endedAs('failed')];
  // Workers in other processes count for themselves.
  const runsHere = read('worker_slots').length > 0;
  return [...new Set([...Object.keys(enqueued), ...Object.keys(succeeded), ...Object.keys(failed)])]
    .sort()
    .map((name) => ({
      name,
      enqueued: enqueued[name] ?? 0,
      succeeded: runsHere ? (succeeded[name] ?? 0) : null,
      failed: runsHere ? (failed[name] ?? 0) : null,
    }));
}

/** Streams are left out, because they last as long as their callers like. */
const isEnqueuing = ({ labels: { http_request_method: method, http_route: route = '' } }: Series): boolean =>
  method === 'POST' && route.startsWith('/jobs') && route !== '/jobs/stream';

function responsesOf(read: readonly Series[]): ReadonlyMap<number, number> {
  const counts = sumBy(read.filter(isEnqueuing), 'le');
  return new Map(Object.entries(counts).map(([upper, count]) => [upper === '+Inf' ? Infinity : Number(upper), count]));
}

/** @param page in Prometheus' text format */
export function readFigures(
  page: string,
  state: BrokerState | undefined,
): Figures & Pick<Counts, 'offered' | 'responses'> {
  const readAny = readSeries(page, names);
  const read: Read = (name) => readAny(prefix + name);
  return {
    broker: state === undefined ? null : describeBroker(state, read),
    worker: describeWorker(read),
    connections: describeConnections(read),
    pending: sumBy(read('pending_jobs'), 'stage'),
    types: describeTypes(read),
    offered: sumBy(read('jobs_total'), 'outcome'),
    responses: responsesOf(readAny(responses)),
  };
}
