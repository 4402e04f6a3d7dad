// Which real servers and programs this machine has. Tests that need a missing one are skipped, loudly (test/run.ts).
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface RealPart {
  name: 'Faktory' | 'Redis' | 'browser' | 'promtool';
  available: boolean;
  /** Where it is, or how to get it. */
  reason: string;
  path: string | undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const onPath = (program: string): string | undefined =>
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find(isExecutable);

/** Path of the `redis-server` program, if there is one. */
export const redisServerPath = (): string | undefined => onPath('redis-server');

/** Path of the Faktory 1.9.4 program, if there is one: FAKTORY_BIN, else `faktory` on the PATH. It needs redis-server. */
export function faktoryPath(): string | undefined {
  const path = process.env['FAKTORY_BIN'] ?? onPath('faktory');
  return path !== undefined && isExecutable(path) && redisServerPath() !== undefined ? path : undefined;
}

/** Path of Chromium, if there is one. */
export const browserPath = (): string | undefined => onPath('chromium') ?? onPath('chromium-browser');

/** Path of Prometheus' promtool, if there is one. */
export const promtoolPath = (): string | undefined => onPath('promtool');

const part = (name: RealPart['name'], path: string | undefined, hint: string): RealPart => ({
  name,
  available: path !== undefined,
  reason: path ?? hint,
  path,
});

export const realParts = (): RealPart[] => [
  part('Faktory', faktoryPath(), 'build test/faktory-server and set FAKTORY_BIN; needs redis-server on the PATH'),
  part('Redis', redisServerPath(), 'install redis-server'),
  part('browser', browserPath(), 'install chromium'),
  part('promtool', promtoolPath(), 'install prometheus'),
];
