// METRICS_ADDR: serves metrics, health and readiness of this process, whatever its role is.
import type { Readiness } from '../domain/readiness.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { openMonitor } from '../monitor/monitor.ts';
import { RoleError, type RoleContext } from './role.ts';

export interface Watched {
  metrics: Metrics;
  readiness: Readiness;
  /** The name of the process in /health. */
  service: 'api-service' | 'worker-service' | 'broker-service';
}

/** Closed last, so that it shows the drain. Undefined when METRICS_ADDR is not set. */
export async function watchProcess(
  { config, log, version, lostLogLines }: RoleContext,
  { metrics, readiness, service }: Watched,
): Promise<{ close(): Promise<void> } | undefined> {
  metrics.readLostLogLines(lostLogLines);
  const { METRICS_ADDR: address } = config;
  if (address === undefined) return undefined;
  const monitor = await openMonitor({ ...address, metrics, readiness, service, version }).catch((error: unknown) => {
    throw new RoleError(
      `cannot listen on METRICS_ADDR ${address.host}:${address.port}: ${(error as Error).message}. Unset (empty), there are no metrics of this process`,
    );
  });
  log.info({ url: monitor.url }, 'metrics, health and readiness are served');
  return monitor;
}
