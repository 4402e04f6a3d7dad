// One page of metrics of several processes: each is asked for its own, and they are added up by the rule of each metric.
import { AggregatorRegistry } from 'prom-client';
import type { Clock } from '../domain/clock.ts';
import type { FromSupervisor, MetricSnapshot } from './messages.ts';

interface Asked {
  send(message: FromSupervisor): void;
}

export interface MetricsPage {
  /** Resolves with Prometheus' text format, of the members that replied within 2 s. */
  read(members: readonly Asked[]): Promise<string>;
  /** Keeps what a member that ends has counted: a sum that falls would be read as a restart of all. */
  keepCounts(metrics: readonly MetricSnapshot[]): Promise<void>;
  take(id: number, metrics: readonly MetricSnapshot[]): void;
}

/** Prometheus itself waits 10 s by default. */
const replyTimeoutMs = 2000;

export function createMetricsPage(clock: Clock): MetricsPage {
  let count = 0;
  /** Of the members that ended in order. */
  let ended: readonly MetricSnapshot[] = [];
  const rounds = new Map<number, (metrics: readonly MetricSnapshot[]) => void>();

  function collect(members: readonly Asked[]): Promise<(readonly MetricSnapshot[])[]> {
    const id = ++count;
    const snapshots: (readonly MetricSnapshot[])[] = [];
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        rounds.delete(id);
        resolve(snapshots);
      };
      const timer = clock.after(replyTimeoutMs, end);
      rounds.set(id, (metrics) => {
        snapshots.push(metrics);
        if (snapshots.length === members.length) end();
      });
      for (const member of members) member.send({ type: 'snapshot wanted', id });
    });
  }

  return {
    async read(members) {
      return AggregatorRegistry.aggregate([ended, ...(await collect(members))]).metrics();
    },
    async keepCounts(metrics) {
      const counts = metrics.filter(({ type }) => type === 'counter' || type === 'histogram');
      ended = await AggregatorRegistry.aggregate([ended, counts]).getMetricsAsJSON();
    },
    take: (id, metrics) => rounds.get(id)?.(metrics),
  };
}
