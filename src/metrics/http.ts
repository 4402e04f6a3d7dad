// Requests and connections of callers. The HTTP family has OpenTelemetry's names.
import type { Registry } from 'prom-client';
import { readBy, readOne } from './read.ts';
import { createHistogram, createOneHistogram } from './tally.ts';

// From below a local round trip to the longest enqueue deadline of a profile, 22 s.
export const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30];
/** Up to BATCH_MAX_JOBS' accepted maximum. */
const batchJobsBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

type Counts = Readonly<Record<string, number>>;

export interface HttpMetrics {
  /** Prepared once per route, so that a request costs one observation. `route` is a pattern, never a path. */
  httpRequests(method: string, route: string): (status: number, seconds: number) => void;
  /** Entries of one request to /jobs/batch. */
  batch(entries: number): void;
  /** Sets the function that is called when the page is read, and never otherwise. The function set last counts. */
  readHttpConnections(read: () => Counts): void;
  /** Connections that were closed because places ran out, since the start. */
  readClosedForRoom(read: () => Readonly<{ evicted: number; refused: number }>): void;
  readDraining(read: () => boolean): void;
}

export function createHttpMetrics(registry: Registry): HttpMetrics {
  const requests = createHistogram({
    registry,
    name: 'http_server_request_duration_seconds',
    help: 'From the end of the headers to the response that is ready to be sent.',
    labelNames: ['http_request_method', 'http_route', 'http_response_status_code'],
    buckets: secondsBuckets,
  });
  const batches = createOneHistogram({
    registry,
    name: 'work_factory_batch_entries',
    help: 'Entries of each request to /jobs/batch; its count is the number of batches.',
    buckets: batchJobsBuckets,
  });
  let connections: (() => Counts) | undefined;
  let closed: (() => Counts) | undefined;
  let draining: (() => boolean) | undefined;
  const ofConnections = {
    registry,
    name: 'work_factory_http_connections',
    help: 'Open connections of callers: idle, receiving a head or a body, or owed a response (answering).',
    labelNames: ['state'] as const,
  };
  readBy(ofConnections, 'gauge', () => connections?.());
  const ofClosed = {
    registry,
    name: 'work_factory_http_connections_closed_for_room_total',
    help: 'Connections that were closed because places ran out: evicted to make room, or refused as they came.',
    labelNames: ['reason'] as const,
  };
  readBy(ofClosed, 'counter', () => closed?.());
  const ofDraining = {
    registry,
    name: 'work_factory_draining',
    help: '1 from the signal to stop until the exit.',
    aggregator: 'max' as const,
  };
  readOne(ofDraining, 'gauge', () => draining && Number(draining()));
  return {
    httpRequests(method, route) {
      const children = new Map<number, (seconds: number) => void>();
      return (status, seconds) => {
        let observe = children.get(status);
        if (observe === undefined) {
          const labels = { http_request_method: method, http_route: route, http_response_status_code: String(status) };
          children.set(status, (observe = requests(labels)));
        }
        observe(seconds);
      };
    },
    batch: batches,
    readHttpConnections: (read) => void (connections = read),
    readClosedForRoom: (read) => void (closed = read),
    readDraining: (read) => void (draining = read),
  };
}
