// The supervisor as an API process sees it: the process tells it that it is ready, hands out its metrics, and ends when the
// supervisor is gone.
import cluster from 'node:cluster';
import type { FromMember, FromSupervisor, MetricSnapshot } from './messages.ts';

export interface Member {
  tellReady(): void;
  /** True when another process listens at the same port and replaces this process. */
  readonly isReplaced: boolean;
  /** True when the supervisor is gone. */
  readonly isOrphaned: boolean;
  /** Resolves when the supervisor has the final counts of this process. */
  tellLastCounts(metrics: MetricSnapshot[]): Promise<void>;
  /** @param read called when somebody reads /metrics of any API process */
  offerMetrics(read: () => Promise<MetricSnapshot[]>): void;
  /** The metrics of all processes in one page. Rejects when the supervisor does not reply within 5 s. */
  metricsPage(): Promise<string>;
}

/** Longer than the supervisor waits for its API processes, which is 2 s. */
const pageTimeoutMs = 5000;

/**
 * @param onOrphaned the supervisor is gone, and with it the port
 * @returns undefined in a process that has no supervisor
 */
export function joinSupervisor(onOrphaned: (error: Error) => void): Member | undefined {
  const { worker } = cluster;
  if (worker === undefined) return undefined;
  // Without this, Node ends the process at once when the supervisor is gone, in the middle of requests
  // (lib/internal/cluster/child.js).
  worker.exitedAfterDisconnect = true;
  let read: () => Promise<MetricSnapshot[]> = async () => [];
  let count = 0;
  let isReplaced = false;
  const waiting = new Map<number, (text: string) => void>();
  const send = (message: FromMember): void => void (worker.isConnected() && worker.send(message));

  worker.on('message', (message: FromSupervisor) => {
    if (message.type === 'replaced') isReplaced = true;
    else if (message.type === 'page') waiting.get(message.id)?.(message.text);
    else void read().then((metrics) => send({ type: 'snapshot', id: message.id, metrics }));
  });
  worker.on('disconnect', () => onOrphaned(new Error('the supervisor of this API process is gone')));

  return {
    get isReplaced() {
      return isReplaced;
    },
    get isOrphaned() {
      return !worker.isConnected();
    },
    tellLastCounts: (metrics) =>
      new Promise((resolve) => {
        if (!worker.isConnected()) return resolve();
        worker.send({ type: 'last counts', metrics } satisfies FromMember, () => resolve());
      }),
    tellReady: () => send({ type: 'ready' }),
    offerMetrics: (given) => (read = given),
    async metricsPage() {
      const id = ++count;
      send({ type: 'page wanted', id });
      try {
        return await new Promise((resolve, reject) => {
          waiting.set(id, resolve);
          setTimeout(() => reject(new Error('the supervisor did not reply')), pageTimeoutMs).unref();
        });
      } finally {
        waiting.delete(id);
      }
    },
  };
}
