// Copies of what a process keeps on its own disk. Implementations: src/backup, and none where others keep it.

/** Key and value of a store, as they are on its disk. */
export type CopiedRecord = readonly [key: Buffer, value: Buffer];

export interface BackupReport {
  readonly name: string;
  /** RFC 3339, UTC: all that was acknowledged before is in the copy. */
  readonly startedAt: string;
  /** Of all files. */
  readonly bytes: number;
  readonly seconds: number;
}

export interface Backups {
  /** Resolves when the whole copy is on disk. Rejects with a BackupError; then there is nothing of this name that was not there before. */
  create(name: string): Promise<BackupReport>;
}

/** Becomes the name of a folder. */
export const backupNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** In DATA_DIR while a copy is restored there: what lies beside it is not whole. */
export const restoringFolder = '.restoring';

/**
 * - `not_supported`: the data are not this process's; the message is a sentence for the operator.
 * - `exists`: there is a copy of this name.
 * - `under_way`: another copy is being made.
 * - `away`: the store of the broker takes nothing now, and what it would say is not certain.
 * - `stopped`: the process stops.
 * - `failed`: the message says why, where that is known.
 */
export type BackupErrorReason = 'not_supported' | 'exists' | 'under_way' | 'away' | 'stopped' | 'failed';

export class BackupError extends Error {
  readonly reason: BackupErrorReason;

  constructor(reason: BackupErrorReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
