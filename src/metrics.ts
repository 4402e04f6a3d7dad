// Every metric of every process, in a registry of its own: nothing global, so tests and an all-in-one process can hold
// several. Each metric is one small typed function; labels come only from closed sets, never from a caller's text.
// Names follow the Prometheus guide; the HTTP family has OpenTelemetry's names. Relies on prom-client 15.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { createKeyMetrics, type KeyMetrics } from './key-metrics.ts';

/** `rejected` is the caller's fault; the others are the fates of jobs that were offered to the broker. */
export type JobOutcome = 'enqueued' | 'duplicate' | 'rejected' | 'refused' | 'unknown';
/** The name of a type, or `other` for every job of no type of ours. */
export type OperationLabel = string;
export type ConnectionRole = 'producer' | 'fetch' | 'ack';
export type ConnectionState = 'connecting' | 'doubted' | 'idle' | 'busy';
/** `ok`: a clear positive reply; `refused`: a clear negative one; `lost`: no clear reply. */
export type FrameOutcome = 'ok' | 'refused' | 'lost';
/** `expired` and `cancelled`: it was not run. */
export type WorkerOutcome = 'succeeded' | 'failed' | 'expired' | 'cancelled';

export interface Pending {
  waitingJobs: number;
  waitingBytes: number;
  inFlightJobs: number;
  inFlightBytes: number;
}

type Described = { name: string; help: string; registers: Registry[] };
type Reader = () => Readonly<Record<string, number>>;

/** Jobs in the broker, by where they are. */
export type BrokerJobs = Readonly<Record<'queued' | 'scheduled' | 'retrying' | 'dead', number>>;

export interface Metrics extends KeyMetrics {
  contentType: string;
  /** The page, in Prometheus' text format. */
  render(): Promise<string>;
  snapshot(): Promise<{ type: unknown }[]>;
  /** Prepared once per route, so that a request costs one observation. `route` is a pattern, never a path. */
  httpRequests(method: string, route: string): (status: number, seconds: number) => void;
  /** One job that was offered over HTTP, and what became of it. */
  job(operation: OperationLabel, outcome: JobOutcome): void;
  /** One PUSHB that was written, with its number of jobs and its time from write to reply or loss. */
  faktoryFrame(jobs: number, seconds: number, outcome: FrameOutcome): void;
  /** One job that a worker ran to its end. */
  workerJob(operation: OperationLabel, outcome: WorkerOutcome, seconds: number): void;
  /** The readers below are called when the page is read, and never otherwise; the last one set counts. */
  readConnections(role: ConnectionRole, read: () => Readonly<Record<ConnectionState, number>>): void;
  readHttpConnections(read: Reader): void;
  readPending(read: () => Readonly<Pending>): void;
  readDraining(read: () => boolean): void;
  readLostLogLines(read: () => number): void;
  /** Asked when the page is read, for the next reading: the page never waits for the broker. */
  readBrokerJobs(read: () => Promise<BrokerJobs>): void;
}

// From below a local round trip to the longest enqueue deadline of a profile, 22 s.
const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30];
// Up to BATCH_MAX_SIZE's accepted maximum.
const frameJobsBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const runSecondsBuckets = [0.00001, 0.0001, 0.001, 0.01, 0.1, 1, 10];

// They list every open socket by kind: with 3,000 callers a scrape would stand still for some milliseconds more.
const costly = ['handles', 'requests', 'resources'].map((kind) => `nodejs_active_${kind}`);

/** @param version of this program, for `work_factory_build_info` */
export function createMetrics(version: string): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  for (const name of costly) for (const end of ['', '_total']) registry.removeSingleMetric(name + end);
  addBuildInfo(registers, version);
  return {
    contentType: registry.contentType,
    render: () => registry.metrics(),
    snapshot: () => registry.getMetricsAsJSON(),
    ...createHttpMetrics(registers),
    ...createKeyMetrics(registers),
    ...createFaktoryMetrics(registers),
    ...createWorkerMetrics(registers),
    ...createLoadMetrics(registers),
    ...createProcessMetrics(registers),
    ...createBrokerMetrics(registers),
  };
}

function addBuildInfo(registers: Registry[], version: string): void {
  const of = { name: 'work_factory_build_info', help: 'Always 1; the labels say what runs.', registers };
  const info = new Gauge({ ...of, labelNames: ['version', 'node_version'], aggregator: 'first' });
  info.set({ version, node_version: process.versions.node }, 1);
}

function createHttpMetrics(registers: Registry[]): Pick<Metrics, 'httpRequests' | 'job'> {
  const requests = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'From the end of the headers to the answer that is ready to be sent.',
    labelNames: ['http_request_method', 'http_route', 'http_response_status_code'],
    buckets: secondsBuckets,
    registers,
  });
  // Sums are kept here between two readings of the page: the library looks up a counter by its labels' text each time.
  const sums = new Map<OperationLabel, Map<JobOutcome, { count: number }>>();
  new Counter({
    name: 'work_factory_jobs_total',
    help: 'Jobs offered over HTTP, by what became of them.',
    labelNames: ['operation', 'outcome'],
    registers,
    collect() {
      for (const [operation, outcomes] of sums)
        for (const [outcome, { count }] of outcomes) this.inc({ operation, outcome }, count);
      sums.clear();
    },
  });
  return {
    httpRequests(method, route) {
      const children = new Map<number, { observe: (seconds: number) => void }>();
      return (status, seconds) => {
        let child = children.get(status);
        if (child === undefined) children.set(status, (child = requests.labels(method, route, String(status))));
        child.observe(seconds);
      };
    },
    job(operation, outcome) {
      let outcomes = sums.get(operation);
      if (outcomes === undefined) sums.set(operation, (outcomes = new Map<JobOutcome, { count: number }>()));
      const sum = outcomes.get(outcome);
      if (sum === undefined) outcomes.set(outcome, { count: 1 });
      else sum.count += 1;
    },
  };
}

function createFaktoryMetrics(registers: Registry[]): Pick<Metrics, 'faktoryFrame' | 'readConnections'> {
  const frames = new Histogram({
    name: 'work_factory_faktory_frame_jobs',
    help: 'Jobs of each PUSHB written; its count is the number of frames.',
    buckets: frameJobsBuckets,
    registers,
  });
  const commands = new Histogram({
    name: 'work_factory_faktory_command_duration_seconds',
    help: "From a command's write to its reply, or to the end of the wait.",
    labelNames: ['command', 'outcome'],
    buckets: secondsBuckets,
    registers,
  });
  const of = (outcome: FrameOutcome): Histogram.Internal<'command' | 'outcome'> => commands.labels('PUSHB', outcome);
  const children = { ok: of('ok'), refused: of('refused'), lost: of('lost') };
  const readers = new Map<ConnectionRole, () => Readonly<Record<ConnectionState, number>>>();
  new Gauge({
    name: 'work_factory_faktory_connections',
    help: 'Connections to the broker.',
    labelNames: ['role', 'state'],
    registers,
    collect() {
      for (const [role, read] of readers)
        for (const [state, count] of Object.entries(read())) this.set({ role, state }, count);
    },
  });
  return {
    faktoryFrame(jobs, seconds, outcome) {
      frames.observe(jobs);
      children[outcome].observe(seconds);
    },
    readConnections: (role, read) => void readers.set(role, read),
  };
}

function createWorkerMetrics(registers: Registry[]): Pick<Metrics, 'workerJob'> {
  const runs = new Histogram({
    name: 'work_factory_worker_job_duration_seconds',
    help: 'Run time of jobs; its count is the number of jobs that ended.',
    labelNames: ['operation', 'outcome'],
    buckets: runSecondsBuckets,
    registers,
  });
  return { workerJob: (operation, outcome, seconds) => runs.observe({ operation, outcome }, seconds) };
}

/** A gauge for each of some states, read when the page is. */
function gaugeBy(labelName: 'stage' | 'state', of: Described, read: Reader): void {
  new Gauge({
    ...of,
    labelNames: [labelName],
    collect() {
      for (const [label, count] of Object.entries(read())) this.set({ [labelName]: label }, count);
    },
  });
}

function createLoadMetrics(registers: Registry[]): Pick<Metrics, 'readPending' | 'readHttpConnections'> {
  let pending: () => Readonly<Pending> = () => ({ waitingJobs: 0, waitingBytes: 0, inFlightJobs: 0, inFlightBytes: 0 });
  let connections: Reader = () => ({});
  const jobs = { name: 'work_factory_pending_jobs', help: 'Jobs that wait for a frame or for its reply.', registers };
  gaugeBy('stage', jobs, () => ({ waiting: pending().waitingJobs, in_flight: pending().inFlightJobs }));
  const bytes = { name: 'work_factory_pending_bytes', help: 'Their size on the wire.', registers };
  gaugeBy('stage', bytes, () => ({ waiting: pending().waitingBytes, in_flight: pending().inFlightBytes }));
  const help = 'Open connections of callers: idle, receiving a head or a body, or owed an answer.';
  gaugeBy('state', { name: 'work_factory_http_connections', help, registers }, () => connections());
  return { readPending: (read) => void (pending = read), readHttpConnections: (read) => void (connections = read) };
}

function createProcessMetrics(registers: Registry[]): Pick<Metrics, 'readDraining' | 'readLostLogLines'> {
  let draining = (): boolean => false;
  let lostLogLines = (): number => 0;
  new Gauge({
    name: 'work_factory_draining',
    help: '1 from the signal to stop until the exit.',
    aggregator: 'max',
    registers,
    collect() {
      this.set(draining() ? 1 : 0);
    },
  });
  new Counter({
    name: 'work_factory_log_lines_lost_total',
    help: 'Lines of the log that could not be written.',
    registers,
    collect() {
      this.reset();
      this.inc(lostLogLines());
    },
  });
  const readDraining = (read: () => boolean): void => void (draining = read);
  return { readDraining, readLostLogLines: (read) => void (lostLogLines = read) };
}

function createBrokerMetrics(registers: Registry[]): Pick<Metrics, 'readBrokerJobs'> {
  let read: () => Promise<BrokerJobs> = () => Promise.reject(new Error('there is no broker'));
  let latest: BrokerJobs | undefined;
  let isAsking = false;

  async function ask(): Promise<void> {
    if (isAsking) return;
    isAsking = true;
    latest = await read().catch(() => undefined);
    isAsking = false;
  }

  new Gauge({
    name: 'work_factory_broker_jobs',
    help: 'Jobs in the broker, all queues, as it said at the reading of this page before; absent when it did not answer.',
    aggregator: 'max',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      for (const [state, count] of Object.entries(latest ?? {})) this.set({ state }, count);
      void ask();
    },
  });
  return { readBrokerJobs: (reader) => void (read = reader) };
}
