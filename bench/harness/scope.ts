// What one scenario has opened: closed in reverse order when it ends, well or not.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Scope {
  /** Registers how to close something; returns the thing. */
  use<T>(thing: T, close: (thing: T) => unknown): T;
  /** A folder of its own, removed at the end. */
  folder(): string;
  close(): Promise<void>;
}

export function createScope(): Scope {
  const closers: (() => unknown)[] = [];
  const use: Scope['use'] = (thing, close) => {
    closers.push(() => close(thing));
    return thing;
  };
  return {
    use,
    folder: () => use(mkdtempSync(join(tmpdir(), 'bench-')), removeFolder),
    async close() {
      for (let closer; (closer = closers.pop());) await closer();
    },
  };
}

// A server that is being ended may still be writing: removed again and again for a while.
const removeFolder = (path: string): void => rmSync(path, { recursive: true, force: true, maxRetries: 5 });
