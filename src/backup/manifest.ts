// backup.json: what a copy holds. It is written last, so a folder without it is not whole.
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecordFile } from './record-file.ts';

export interface CopiedStore extends RecordFile {
  readonly name: string;
  /** The file lies in the folder of the copy. */
  readonly file: string;
}

export interface Manifest {
  readonly format: 1;
  readonly name: string;
  /** The version of the program that made the copy. */
  readonly version: string;
  readonly startedAt: string;
  readonly stores: readonly CopiedStore[];
}

const fileName = 'backup.json';

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const file = await open(join(folder, fileName), 'wx', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(manifest, undefined, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Rejects with an Error that says why the folder is not a copy that this program can read. */
export async function readManifest(folder: string): Promise<Manifest> {
  const text = await readFile(join(folder, fileName), 'utf8').catch((error: unknown) => {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const why = ['ENOENT', 'ENOTDIR'].includes(code) ? `there is no ${fileName}` : message;
    throw new Error(`${folder} is not a whole copy: ${why}`);
  });
  const manifest = parse(text);
  if (manifest === undefined) throw new Error(`${folder} is damaged: ${fileName} is not what was written`);
  if (manifest.format !== 1)
    throw new Error(
      `${folder} has the format ${String(manifest.format)}, this program knows 1: restore it with a newer one`,
    );
  return manifest;
}

function parse(text: string): Manifest | undefined {
  try {
    const manifest = JSON.parse(text) as Partial<Manifest> | null;
    const isWhole = manifest?.format !== 1 || manifest.stores?.every(isStore) === true;
    return manifest?.format === undefined || !isWhole ? undefined : (manifest as Manifest);
  } catch {
    return undefined;
  }
}

const isStore = ({ name, file, bytes, records, crc32 }: CopiedStore): boolean =>
  [name, file].every((text) => /^[a-z]+(\.[a-z]+)?$/.test(text)) && [bytes, records, crc32].every(Number.isSafeInteger);
