// Waits for the disk, for callers without a connection for a reply.
import type { Ledger } from './ledger.ts';

/** Resolves when all changes so far are on disk; rejects when they certainly are not, or when that is not known. */
export function stored(ledger: Ledger): Promise<void> {
  return new Promise((resolve, reject) => {
    ledger.touch(0);
    ledger.join({
      settle: (_group, outcome, detail) =>
        outcome === 'stored'
          ? resolve()
          : reject(new Error(`the store of the broker failed, the outcome is unknown: ${detail}`)),
    });
  });
}
