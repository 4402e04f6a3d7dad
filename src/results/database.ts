// Opens the embedded store's database, or says which folder cannot be opened, why, and what to do. Nothing is set aside or
// repaired unasked: that is the operator's decision.
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { makePrivateFolder } from '../private-folder.ts';

/** LevelDB writes these files only after CURRENT. Without CURRENT it takes the folder for an empty one and deletes them. */
const dataFile = /^\d+\.(ldb|sst|log)$/;

const advice =
  'It holds the results of jobs, not jobs: repair or restore it, or move it away to go on without the results so far.';

export async function openDatabase(dataDir: string): Promise<ClassicLevel> {
  let db: ClassicLevel | undefined;
  try {
    refuseWithoutCurrent(dataDir);
    await makePrivateFolder(dataDir);
    db = new ClassicLevel(dataDir);
    await db.open();
    return db;
  } catch (error) {
    await db?.close();
    throw openError(dataDir, error);
  }
}

/** @param error an error of `openDatabase`, or of reading the database */
export function openError(dataDir: string, error: unknown): Error {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : (error as Error);
  const folder = resolve(dataDir);
  if ('code' in cause && cause.code === 'LEVEL_LOCKED') {
    return new Error(`the results database ${folder} is in use by another process: stop that one first`, { cause });
  }
  return new Error(`the results database ${folder} cannot be opened: ${cause.message}. ${advice}`, { cause });
}

function refuseWithoutCurrent(dataDir: string): void {
  if (!existsSync(dataDir) || existsSync(join(dataDir, 'CURRENT'))) return;
  if (readdirSync(dataDir).some((file) => dataFile.test(file))) throw new Error('the file CURRENT is missing');
}
