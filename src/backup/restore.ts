// Restores a copy into a data folder that is new or empty. The whole copy is checked first. Then it is written into a hidden
// folder, opened there as a start would open it, and only then moved to its place.
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { restoringFolder, type CopiedRecord } from '../domain/backup.ts';
import { makePrivateFolder, syncFolder } from '../private-folder.ts';
import { readManifest, type Manifest } from './manifest.ts';
import { readRecordFile } from './record-file.ts';

/** Makes a store from records, in a folder that does not exist yet. Resolves when the store is on disk and was opened. */
export type StoreMaker<Found> = (folder: string, pages: AsyncIterable<readonly CopiedRecord[]>) => Promise<Found>;

export interface RestoreOptions<Makers extends Record<string, StoreMaker<unknown>>> {
  /** The folder of a copy. */
  from: string;
  /** DATA_DIR. */
  to: string;
  makers: Makers;
}

export interface Restored<Makers extends Record<string, StoreMaker<unknown>>> {
  readonly manifest: Manifest;
  /** The counts of each store; undefined: the copy does not have the store. */
  readonly found: { readonly [Name in keyof Makers]?: Awaited<ReturnType<Makers[Name]>> };
}

/** Nothing was restored; the message is for the operator. */
export class RestoreError extends Error {}

/** The root of a file system has this folder from the start. */
const ofFileSystem = 'lost+found';

export async function restoreBackup<Makers extends Record<string, StoreMaker<unknown>>>(
  options: RestoreOptions<Makers>,
): Promise<Restored<Makers>> {
  const from = resolve(options.from);
  const to = resolve(options.to);
  const manifest = await check(from, Object.keys(options.makers));
  await refuseOtherFiles(to);
  const hidden = join(to, restoringFolder);
  await makePrivateFolder(to);
  await rm(hidden, { recursive: true, force: true });
  await mkdir(hidden, 0o700);
  try {
    const found: Record<string, unknown> = {};
    for (const store of manifest.stores) {
      const make = options.makers[store.name] as StoreMaker<unknown>;
      found[store.name] = await make(join(hidden, store.name), readRecordFile(join(from, store.file), store));
    }
    await syncFolder(hidden);
    for (const { name } of manifest.stores) await rename(join(hidden, name), join(to, name));
    await syncFolder(to);
    return { manifest, found: found as Restored<Makers>['found'] };
  } catch (error) {
    throw new RestoreError(`nothing was restored: ${(error as Error).message}`, { cause: error });
  } finally {
    await rm(hidden, { recursive: true, force: true });
    await syncFolder(to);
  }
}

/** Reads every byte of the copy. */
async function check(from: string, known: readonly string[]): Promise<Manifest> {
  try {
    const manifest = await readManifest(from);
    for (const store of manifest.stores) {
      if (!known.includes(store.name))
        throw new Error(`this program does not know the store ${store.name} of the copy`);
      for await (const page of readRecordFile(join(from, store.file), store)) void page;
    }
    return manifest;
  } catch (error) {
    throw new RestoreError(`nothing was restored: ${(error as Error).message}`, { cause: error });
  }
}

/** Removes the folder of a restore that was killed. */
async function refuseOtherFiles(to: string): Promise<void> {
  if (!existsSync(to)) return;
  const others = (await readdir(to)).filter((name) => name !== restoringFolder && name !== ofFileSystem);
  if (others.length === 0) return;
  throw new RestoreError(
    `nothing was restored: DATA_DIR ${to} is not empty, it holds ${others[0]}. Stop the service, and move what is there away or name another folder`,
  );
}
