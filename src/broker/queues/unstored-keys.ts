// The keys of a set that are not on disk yet. A look into the set cannot see them, and must not move its start past them.
import type { Ledger } from '../storage/ledger.ts';

export interface UnstoredKeys {
  add(key: Buffer): void;
  /** Called when a look begins. It sees no key that is unstored now or comes before `endLook`. */
  beginLook(): void;
  /** The lowest key that the look may not have seen; undefined: it has seen all keys. */
  endLook(): Buffer | undefined;
}

export const lower = (one: Buffer | undefined, other: Buffer): Buffer => (one && one.compare(other) < 0 ? one : other);

export function createUnstoredKeys(ledger: Ledger): UnstoredKeys {
  /** The lowest key of each group. */
  let groups: { readonly group: number; lowest: Buffer }[] = [];
  let isLooking = false;
  let unseen: Buffer | undefined;

  const listener = {
    settle(ended: number) {
      groups = groups.filter(({ group }) => group > ended);
    },
  };

  return {
    add(key) {
      const group = ledger.join(listener);
      const last = groups.at(-1);
      if (last?.group === group) last.lowest = lower(last.lowest, key);
      else groups.push({ group, lowest: key });
      if (isLooking) unseen = lower(unseen, key);
    },
    beginLook() {
      isLooking = true;
      unseen = groups.reduce<Buffer | undefined>((lowest, group) => lower(lowest, group.lowest), undefined);
    },
    endLook() {
      isLooking = false;
      return unseen;
    },
  };
}
