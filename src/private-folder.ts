// Only the user that runs the program may read folders of data, because they hold everybody's jobs and results. Files that are
// made later are private by the umask that main.ts sets.
import { chmod, mkdir, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const forOwner = { folder: 0o700, file: 0o600 };

/** Node's `recursive` says ENOENT for a read-only file system, and never ends below /proc. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, forOwner.folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error;
    await makeFolder(dirname(folder));
    // Another process may have made the folder meanwhile. It only has to be there.
    await mkdir(folder, forOwner.folder).catch((again: unknown) => {
      if ((again as NodeJS.ErrnoException).code !== 'EEXIST') throw again;
    });
  }
}

/** Files of another user keep their mode. A file that has just gone is no error. */
async function restrict(path: string, mode: number): Promise<void> {
  try {
    await chmod(path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'ENOENT') throw error;
  }
}

/** Makes the folder if it is missing, and closes it and the files in it to other users if an earlier version left them open. */
export async function makePrivateFolder(folder: string): Promise<void> {
  await makeFolder(folder);
  const entries = await readdir(folder, { withFileTypes: true });
  await restrict(folder, forOwner.folder);
  for (const entry of entries) {
    if (entry.isFile()) await restrict(join(folder, entry.name), forOwner.file);
  }
}

/** A new file survives a power loss only when the folder that names it was synced. Windows cannot and need not. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder);
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    if (process.platform !== 'win32') throw error;
  }
}
