// Copies the stores of this process. Where there are no stores to copy, the refusal says why.
import { createBackups, type StoreToCopy } from '../backup/backups.ts';
import type { Broker } from '../broker/broker.ts';
import { BackupError, type Backups } from '../domain/backup.ts';
import { systemClock } from '../domain/clock.ts';
import type { BackupsReading } from '../metrics/backups.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { EmbeddedResults } from '../results/embedded.ts';
import { dataMountWarning } from './data-mount.ts';
import type { RoleContext } from './role.ts';

type OpenBackups = Backups & { close(): Promise<void> };

/** @param results undefined: a Redis keeps them */
export function openBackups(
  { config, log, version }: RoleContext,
  { engine }: Pick<Broker, 'engine'>,
  results: EmbeddedResults | undefined,
  metrics: Metrics,
): OpenBackups | undefined {
  const { BACKUP_DIR: dir } = config;
  if (dir === undefined) return undefined;
  const warning = dataMountWarning('BACKUP_DIR', dir);
  if (warning !== undefined) log.warn({ dir }, warning);
  const counts: BackupsReading = { made: 0, failed: 0, lastSeconds: undefined };
  metrics.readBackups(() => counts);
  // Jobs are copied before results. So the result of a job that ends meanwhile is in the copy; at worst the job is, too.
  const stores: StoreToCopy[] = [{ name: 'broker', records: () => engine.records() }];
  if (results) stores.push({ name: 'results', records: () => results.records() });
  return createBackups({
    dir,
    stores,
    version,
    nowMs: () => systemClock.wallMs(),
    refusal: () => engine.refusal(),
    onEnd(report, error) {
      if (report === undefined) {
        counts.failed++;
        log.error({ dir, error: error?.message, err: error?.cause }, 'a backup was not made');
        return;
      }
      counts.made++;
      counts.lastSeconds = Date.parse(report.startedAt) / 1000;
      const { name, bytes, seconds } = report;
      log.info({ dir, name, bytes, ms: seconds * 1000 }, 'a backup was made');
    },
  });
}

const reason =
  'The jobs are not in this process. Faktory keeps them in its Redis, and results and keys are in those of RESULTS_URL and KEYS_URL: ' +
  'copy the AOF or RDB files of each, as the documentation of Redis says (Persistence, Backing up)';

/** Refuses copies where the broker is in another process. */
export const noBackups: Backups = {
  create: () => Promise.reject(new BackupError('not_supported', reason)),
};
