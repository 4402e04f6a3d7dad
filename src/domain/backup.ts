// Copies of the data that a process keeps on its own disk. Implementation: src/backup. Where the data are elsewhere there is
// none.

/** Key and value of a store, as they are on its disk. */
export type CopiedRecord = readonly [key: Buffer, value: Buffer];

export interface BackupReport {
  readonly name: string;
  /** RFC 3339, UTC. The copy has everything that was acknowledged before this time. */
  readonly startedAt: string;
  /** The bytes of all files. */
  readonly bytes: number;
  readonly seconds: number;
}

export interface Backups {
  /** Resolves when the whole copy is on disk. Rejects with a BackupError, and then no copy of this name was made. */
  create(name: string): Promise<BackupReport>;
}

/** The name becomes the name of a folder. */
export const backupNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** This folder is in DATA_DIR while a copy is being restored: the files beside it are not whole. */
export const restoringFolder = '.restoring';

/**
 * - `not_supported`: this process does not keep the data; the message is a sentence for the operator.
 * - `exists`: there is a copy of this name.
 * - `under_way`: another copy is being made.
 * - `away`: the store of the broker takes nothing now, so its contents are not certain.
 * - `stopped`: the process stops.
 * - `failed`: the message says why, where the cause is known.
 */
export type BackupErrorReason = 'not_supported' | 'exists' | 'under_way' | 'away' | 'stopped' | 'failed';

export class BackupError extends Error {
  readonly reason: BackupErrorReason;

  constructor(reason: BackupErrorReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
