// Claims of keys whose record is being read, or whose jobs are on their way. Their number is that of the requests with keys under way.
import type { GroupOutcome } from '../broker/storage/ledger.ts';
import type { Clock } from '../domain/clock.ts';
import type { Digest } from '../domain/digest.ts';
import type { Claim, Verdict } from '../domain/keys.ts';
import { isSameRequest } from './key-record.ts';

/** The read of a key's record on disk. Its value gives the verdict by the record; undefined: there is no record. */
export type RecordRead = Promise<((claim: Claim) => Verdict) | undefined>;

export interface OpenClaims {
  /** Whether there is an open claim with this id. */
  has(id: Digest): boolean;
  /** Whether this very claim is open. */
  holds(claim: Claim): boolean;
  /** Opens the claim: it has the key, unless `read` finds a record. */
  add(claim: Claim, read?: RecordRead): void;
  /** The verdict by the open claim with this id; or, while its record is being read, that read. */
  verdictOrRead(claim: Claim): Verdict | RecordRead | undefined;
  free(claim: Claim): void;
  /** The group with the record of the claim has ended. */
  end(claim: Claim, outcome: GroupOutcome): void;
  /** To be called once the store is open again: the disk tells now whether an unknown claim was stored. */
  forgetUnknown(): void;
}

interface Open {
  readonly claim: Claim;
  readonly sinceMs: number;
  read: RecordRead | undefined;
  /** Its group has failed: the disk tells whether it was stored, once the store is open again. */
  isUnknown: boolean;
}

/** @param underWayMsMax a claim that is older is no longer said to be under way */
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
