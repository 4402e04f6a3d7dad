// Makes the database of the embedded results from the records of a copy.
import type { CopiedRecord } from '../domain/backup.ts';
import { openDatabase } from './database.ts';
import { isRecordKey } from './generations.ts';

/** Resolves with the number of results of jobs that have ended, once the database is on disk. */
export async function restoreResults(
  folder: string,
  pages: AsyncIterable<readonly CopiedRecord[]>,
): Promise<{ ended: number }> {
  const db = await openDatabase(folder);
  let ended = 0;
  try {
    for await (const page of pages) {
      const batch = db.batch();
      for (const [key, value] of page) {
        batch.put(key, value, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
        ended += Number(isRecordKey(key));
      }
      await batch.write({ sync: true });
    }
  } finally {
    await db.close();
  }
  return { ended };
}
