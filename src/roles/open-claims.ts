// Claims of keys whose record is being read, or whose jobs are on their way. There are as many as requests with keys under way.
import type { GroupOutcome } from '../broker/storage/ledger.ts';
import type { Clock } from '../domain/clock.ts';
import type { Digest } from '../domain/digest.ts';
import type { Claim, Verdict } from '../domain/keys.ts';
import { isSameRequest } from './key-record.ts';

/** Reads a key's record on disk. The value is a function that gives the verdict by the record. Undefined: there is no record. */
export type RecordRead = Promise<((claim: Claim) => Verdict) | undefined>;

export interface OpenClaims {
  /** Whether there is an open claim with this id. */
  has(id: Digest): boolean;
  /** Whether this very claim is open. */
  holds(claim: Claim): boolean;
  /** Opens the claim. It holds the key, unless `read` finds a record. */
  add(claim: Claim, read?: RecordRead): void;
  /** The verdict by the open claim with this id. While its record is being read it is the promise of that read. */
  verdictOrRead(claim: Claim): Verdict | RecordRead | undefined;
  free(claim: Claim): void;
  /** The group with the record of the claim has ended. */
  end(claim: Claim, outcome: GroupOutcome): void;
  /** Call it when the store is open again. Then the disk tells whether an unknown claim was stored. */
  forgetUnknown(): void;
}

interface Open {
  readonly claim: Claim;
  readonly sinceMs: number;
  read: RecordRead | undefined;
  /** The group of the claim has failed. The disk tells whether it was stored, when the store is open again. */
  isUnknown: boolean;
}

/** @param underWayMsMax an older claim no longer counts as under way */
export function createOpenClaims(clock: Clock, underWayMsMax: number): OpenClaims {
  const open = new Map<Digest, Open>();
  let hasUnknown = false;

  function verdictBy({ claim: first, sinceMs, isUnknown }: Open, claim: Claim): Verdict {
    if (!isSameRequest(claim, first.fingerprint)) return { state: 'reused' };
    const { jids, response } = first;
    const isUnderWay = !isUnknown && clock.now() - sinceMs < underWayMsMax;
    return isUnderWay ? { state: 'in_progress', jids } : { state: 'unknown', jids, response };
  }

  const holds = (claim: Claim): boolean => open.get(claim.id)?.claim === claim;

  return {
    has: (id) => open.has(id),
    holds,
    add(claim, read) {
      const entry: Open = { claim, sinceMs: clock.now(), read, isUnknown: false };
      open.set(claim.id, entry);
      const ended = (): void => void (entry.read = undefined);
      read?.then(ended, ended);
    },
    verdictOrRead(claim) {
      const entry = open.get(claim.id);
      return entry && (entry.read ?? verdictBy(entry, claim));
    },
    free(claim) {
      if (holds(claim)) open.delete(claim.id);
    },
    end(claim, outcome) {
      const entry = open.get(claim.id);
      if (entry?.claim !== claim) return;
      if (outcome === 'unknown') hasUnknown = entry.isUnknown = true;
      else open.delete(claim.id);
    },
    forgetUnknown() {
      if (!hasUnknown) return;
      hasUnknown = false;
      for (const [id, { isUnknown }] of open) if (isUnknown) open.delete(id);
    },
  };
}
