// A folder that is removed when the test's process ends. The hooks of a test run in the order in which they were made: a hook
// that removes the folder would run before those that close the stores in it, and LevelDB would still write there.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders: string[] = [];

process.on('exit', () => {
  for (const folder of folders) {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // A store that a failed test has left open still writes.
    }
  }
});

export function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  folders.push(folder);
  return folder;
}
