// Restores a copy: the broker's store and the embedded results, as src/roles/all-in-one.ts opens them.
import { restoreBackup, type Restored } from '../backup/restore.ts';
import { restoreStore } from '../broker/restore.ts';
import { restoreResults } from '../results/restore.ts';

export { RestoreError } from '../backup/restore.ts';

const makers = { broker: restoreStore, results: restoreResults };

/** Rejects with a RestoreError when nothing was restored. */
export const restoreData = (from: string, to: string): Promise<Restored<typeof makers>> =>
  restoreBackup({ from, to, makers });
