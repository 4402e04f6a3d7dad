// Every metric of every process, in a registry of its own: nothing global, so tests and an all-in-one process can hold
// several. Labels come from closed sets, or from names within a limit (names.ts), never from a caller's text. Names follow
// the Prometheus guide. docs/metrics.md is made from what is registered here.
import { Registry } from 'prom-client';
import { createBackupMetrics, type BackupMetrics } from './backups.ts';
import { createBrokerMetrics, type BrokerMetrics } from './broker.ts';
import { createFaktoryMetrics, type FaktoryMetrics } from './faktory.ts';
import { createHttpMetrics, type HttpMetrics } from './http.ts';
import { createJobMetrics, type JobMetrics } from './jobs.ts';
import { createNames } from './names.ts';
import { addDefaultMetrics, createProcessMetrics, type ProcessMetrics } from './process.ts';
import { createStoreMetrics, type StoreMetrics } from './stores.ts';
import { createWorkerMetrics, type WorkerMetrics } from './worker.ts';

export interface Metrics
  extends
    HttpMetrics,
    JobMetrics,
    FaktoryMetrics,
    StoreMetrics,
    WorkerMetrics,
    BrokerMetrics,
    BackupMetrics,
    ProcessMetrics {
  readonly contentType: string;
  /** The page, in Prometheus' text format. */
  render(): Promise<string>;
  /** For the page of several processes. */
  snapshot(): Promise<{ type: unknown }[]>;
  /** Queues that have a label of their own however many others there are. */
  knowQueues(names: Iterable<string>): void;
}

/** @param version of this program, for `work_factory_build_info` */
export function createMetrics(version: string): Metrics {
  const registry = new Registry();
  const queueNames = createNames();
  addDefaultMetrics(registry);
  return {
    contentType: registry.contentType,
    render: () => registry.metrics(),
    snapshot: () => registry.getMetricsAsJSON(),
    knowQueues: (names) => queueNames.know(names),
    ...createHttpMetrics(registry),
    ...createJobMetrics(registry, queueNames),
    ...createFaktoryMetrics(registry),
    ...createStoreMetrics(registry),
    ...createWorkerMetrics(registry, queueNames),
    ...createBrokerMetrics(registry, queueNames),
    ...createBackupMetrics(registry),
    ...createProcessMetrics(registry, version),
  };
}
