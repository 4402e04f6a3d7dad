// Copies of the data of this process.
import type { Registry } from 'prom-client';
import { readBy, readOne } from './read.ts';

/** Since the start. */
export interface BackupsReading {
  made: number;
  failed: number;
  /** When the latest copy that succeeded began, in seconds since 1970. Undefined before the first. */
  lastSeconds: number | undefined;
}

export interface BackupMetrics {
  readBackups(read: () => Readonly<BackupsReading>): void;
}

export function createBackupMetrics(registry: Registry): BackupMetrics {
  let read: (() => Readonly<BackupsReading>) | undefined;
  const ofCount = {
    registry,
    name: 'work_factory_backups_total',
    help: 'Copies of the data of this process that were asked for, by how they ended.',
    labelNames: ['outcome'] as const,
  };
  readBy(ofCount, 'counter', () => {
    const now = read?.();
    return now && { made: now.made, failed: now.failed };
  });
  const ofLast = {
    registry,
    name: 'work_factory_backup_last_timestamp_seconds',
    help: 'When the latest copy that succeeded began; absent before the first copy of this process.',
    aggregator: 'max' as const,
  };
  readOne(ofLast, 'gauge', () => read?.().lastSeconds);
  return { readBackups: (given) => void (read = given) };
}
