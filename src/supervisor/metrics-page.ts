// One page of metrics for several processes. Each process is asked for its values, which are added up by the rule of each metric.
import { AggregatorRegistry } from 'prom-client';
import type { Clock } from '../domain/clock.ts';
import type { FromMember, FromSupervisor, MetricSnapshot } from './messages.ts';

interface Asked {
  send(message: FromSupervisor): void;
}

export interface MetricsPage {
  /**
   * Replies to a message about metrics. A page has the metrics of the members that reply within 2 s, and the last counts of
   * the members that ended in order: a sum that falls would be read as a restart of all.
   *
   * @param members all that may be asked
   */
  take(message: Exclude<FromMember, { type: 'ready' }>, from: Asked, members: readonly Asked[]): void;
}

/** Prometheus itself waits 10 s by default. */
const replyTimeoutMs = 2000;

export function createMetricsPage(clock: Clock): MetricsPage {
  let count = 0;
  /** The sum of the last counts of the members that ended in order. Each sum waits for the sum before it. */
  let ended: Promise<readonly MetricSnapshot[]> = Promise.resolve([]);
  /** Members whose last counts are kept. If they were asked again, their values would count twice. */
  const counted = new WeakSet<Asked>();
  const rounds = new Map<number, (metrics: readonly MetricSnapshot[], from: Asked) => void>();

  function collect(members: readonly Asked[]): Promise<(readonly MetricSnapshot[])[]> {
    const id = ++count;
    const snapshots = new Map<Asked, readonly MetricSnapshot[]>();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        rounds.delete(id);
        // A member may have ended since its reply.
        for (const from of snapshots.keys()) if (counted.has(from)) snapshots.delete(from);
        resolve([...snapshots.values()]);
      };
      const timer = clock.after(replyTimeoutMs, end);
      rounds.set(id, (metrics, from) => {
        snapshots.set(from, metrics);
        if (snapshots.size === members.length) end();
      });
      for (const member of members) member.send({ type: 'snapshot wanted', id });
    });
  }

  function keepCounts(metrics: readonly MetricSnapshot[]): void {
    const counts = metrics.filter(({ type }) => type === 'counter' || type === 'histogram');
    ended = ended.then((before) => AggregatorRegistry.aggregate([before, counts]).getMetricsAsJSON());
  }

  async function sendPage(id: number, to: Asked, members: readonly Asked[]): Promise<void> {
    const snapshots = await collect(members);
    to.send({ type: 'page', id, text: await AggregatorRegistry.aggregate([await ended, ...snapshots]).metrics() });
  }

  return {
    take(message, from, members) {
      switch (message.type) {
        case 'snapshot':
          return rounds.get(message.id)?.(message.metrics, from);
        case 'last counts':
          counted.add(from);
          return keepCounts(message.metrics);
        case 'page wanted':
          return void sendPage(
            message.id,
            from,
            members.filter((member) => !counted.has(member)),
          );
      }
    },
  };
}
