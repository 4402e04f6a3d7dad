// Copies the stores of this process into a folder under BACKUP_DIR, first the broker, then the results, while the service takes
// jobs. The folder has a hidden name until all its files are on disk: a folder with a visible name is a whole copy.
import { existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { BackupError, type BackupReport, type Backups, type CopiedRecord } from '../domain/backup.ts';
import { makePrivateFolder, syncFolder } from '../private-folder.ts';
import { writeManifest, type CopiedStore } from './manifest.ts';
import { writeRecordFile } from './record-file.ts';

export interface StoreToCopy {
  readonly name: 'broker' | 'results';
  records(): AsyncIterable<readonly CopiedRecord[]>;
}

export interface BackupsOptions {
  /** BACKUP_DIR, which no other service may use. */
  dir: string;
  /** They are copied in this order. */
  stores: readonly StoreToCopy[];
  version: string;
  /** Milliseconds since 1970. */
  nowMs: () => number;
  /** Why nothing can be copied now, or undefined. */
  refusal: () => string | undefined;
  /** Reports how a copy ended, also when its caller has gone. */
  onEnd: (report: BackupReport | undefined, error?: BackupError) => void;
}

const unfinished = /^\..+\.unfinished$/;

export function createBackups(options: BackupsOptions): Backups & { close(): Promise<void> } {
  const dir = resolve(options.dir);
  const stopping = new AbortController();
  let underWay: Promise<unknown> | undefined;

  async function copy(name: string): Promise<BackupReport> {
    const startMs = options.nowMs();
    const folder = join(dir, `.${name}.unfinished`);
    let place = folder;
    await removeUnfinished(dir);
    try {
      await makePrivateFolder(folder);
      const startedAt = new Date(startMs).toISOString();
      const stores: CopiedStore[] = [];
      for (const store of options.stores) {
        const file = `${store.name}.records`;
        stores.push({ name: store.name, file, ...(await writeRecordFile(join(folder, file), untilStopped(store))) });
      }
      await writeManifest(folder, { format: 1, name, version: options.version, startedAt, stores });
      await syncFolder(folder);
      await rename(folder, join(dir, name));
      place = join(dir, name);
      await syncFolder(dir);
      const bytes = stores.reduce((sum, store) => sum + store.bytes, 0);
      return { name, startedAt, bytes, seconds: (options.nowMs() - startMs) / 1000 };
    } catch (error) {
      // The next backup removes a folder that cannot be removed now.
      await rm(place, { recursive: true, force: true }).catch(() => undefined);
      throw error;
    }
  }

  async function* untilStopped(store: StoreToCopy): AsyncGenerator<readonly CopiedRecord[]> {
    for await (const page of store.records()) {
      if (stopping.signal.aborted) throw new BackupError('stopped', 'The service stops: the copy was given up');
      yield page;
    }
  }

  async function tell(copying: Promise<BackupReport>): Promise<BackupReport> {
    try {
      const report = await copying;
      options.onEnd(report);
      return report;
    } catch (error) {
      const told = error instanceof BackupError ? error : problemOf(error);
      options.onEnd(undefined, told);
      throw told;
    }
  }

  return {
    async create(name) {
      const refusal = options.refusal();
      if (refusal !== undefined) throw new BackupError('away', refusal);
      if (underWay) throw new BackupError('under_way', 'Another copy is being made: there is one at a time');
      if (existsSync(join(dir, name))) throw new BackupError('exists', `There is a copy ${name} already`);
      const copying = tell(copy(name)).finally(() => (underWay = undefined));
      underWay = copying;
      return copying;
    },
    async close() {
      stopping.abort();
      await underWay?.catch(() => undefined);
    },
  };
}

/** Removes the folder that a killed process left. */
async function removeUnfinished(dir: string): Promise<void> {
  const names = await readdir(dir).catch(() => []);
  for (const name of names.filter((one) => unfinished.test(one)))
    await rm(join(dir, name), { recursive: true, force: true });
}

const full = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The text of a system's error names paths, so only the log gets it. */
function problemOf(error: unknown): BackupError {
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  if (full.has(code))
    return new BackupError('failed', 'There is no room under BACKUP_DIR: the half copy was removed', error);
  const what = syscall === undefined ? 'The copy failed' : `BACKUP_DIR cannot be written (${code})`;
  return new BackupError('failed', `${what}: the log says more, and nothing was left there`, error);
}
