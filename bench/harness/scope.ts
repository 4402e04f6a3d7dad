// What one scenario has opened: closed in reverse order when it ends, well or not.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import './processes.ts';

export interface Scope {
  /** Registers how to close something; returns the thing. */
  use<T>(thing: T, close: (thing: T) => unknown): T;
  /** A folder of its own, removed at the end. */
  folder(): string;
  close(): Promise<void>;
}

const folders = new Set<string>();
// After the servers that write there have been ended: processes.ts, imported first, listens first.
process.on('exit', () => folders.forEach(removeFolder));

export function createScope(): Scope {
  const closers: (() => unknown)[] = [];
  const use: Scope['use'] = (thing, close) => {
    closers.push(() => close(thing));
    return thing;
  };
  return {
    use,
    folder() {
      const path = mkdtempSync(join(tmpdir(), 'bench-'));
      folders.add(path);
      return use(path, removeFolder);
    },
    async close() {
      for (let closer; (closer = closers.pop());) await closer();
    },
  };
}

function removeFolder(path: string): void {
  // A server that is being ended may still be writing: tried again for a while.
  rmSync(path, { recursive: true, force: true, maxRetries: 10 });
  folders.delete(path);
}
