// What the disk below the data folder takes to sync a small write into a file that was written beforehand.
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from './stats.ts';

const fileBytes = 4 * 1024 * 1024;
const record = Buffer.alloc(500, 1);
const samples = 300;

/** The median, in milliseconds. */
export async function syncMs(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-sync-'));
  const file = await open(join(folder, 'file'), 'w');
  try {
    await file.write(Buffer.alloc(fileBytes));
    await file.sync();
    const times: number[] = [];
    for (let sample = 0; sample < samples; sample++) {
      await file.write(record, 0, record.length, sample * record.length);
      const startedMs = performance.now();
      await file.datasync();
      times.push(performance.now() - startedMs);
    }
    return median(times);
  } finally {
    await file.close();
    rmSync(folder, { recursive: true });
  }
}
