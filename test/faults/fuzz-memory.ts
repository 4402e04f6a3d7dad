// The memory of a process under test, seen from outside, and whether it stays flat.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const mebibyte = 1024 * 1024;

/** Resident memory of a process in MiB. */
export function residentMebibytes(pid: number): number {
  const status = `/proc/${pid}/status`;
  if (existsSync(status)) return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(status, 'utf8'))?.[1]) / 1024;
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;
}

export const ownMebibytes = (): number => process.memoryUsage.rss() / mebibyte;

export interface MemoryWatch {
  /** Looks whenever progress, from 0 to 1, has come to the next tenth. */
  look(progress: number): void;
  /** Looks once more: some time after the last load. Returns the MiB at each tenth, and these. */
  end(): readonly number[];
  /** MiB by which the last look is above the highest of the warm-up, which is the first three tenths. */
  growth(): number;
}

const tenths = 10;
const warmUpTenths = 3;

export function watchMemory(read: () => number): MemoryWatch {
  const samples: number[] = [];
  const sample = (): void => void samples.push(Math.round(read()));
  return {
    look(progress) {
      while (samples.length < tenths && progress * tenths >= samples.length) sample();
    },
    end() {
      sample();
      return samples;
    },
    growth: () => (samples.at(-1) ?? 0) - Math.max(...samples.slice(0, warmUpTenths + 1)),
  };
}
