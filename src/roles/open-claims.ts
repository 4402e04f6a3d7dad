// Claims of keys whose record is looked for, or whose jobs are on their way: as many as there are requests with keys under way.
import type { GroupOutcome } from '../broker/storage/ledger.ts';
import type { Clock } from '../domain/clock.ts';
import type { Digest } from '../domain/digest.ts';
import type { Claim, Verdict } from '../domain/keys.ts';
import { isSameRequest } from './key-record.ts';

/** The verdict on a claim by the record with its id that was found on disk. */
export type Stored = (claim: Claim) => Verdict;
export type Looking = Promise<Stored | undefined>;

export interface OpenClaims {
  /** Whether there is an open claim with this id. */
  has(id: Digest): boolean;
  /** Whether it is this very claim. */
  holds(claim: Claim): boolean;
  /** The claim has the key, unless the look-up finds a record. */
  add(claim: Claim, looking?: Looking): void;
  /** By the open claim with this id; while its record is looked for, that look-up: both get the same reply. */
  look(claim: Claim): Verdict | Looking | undefined;
  free(claim: Claim): void;
  /** The group with the record of the claim has ended. */
  end(claim: Claim, outcome: GroupOutcome): void;
  /** To be called once the store is open again: what was unknown is on disk, or it is not. */
  forgetUnknown(): void;
}

interface Open {
  readonly claim: Claim;
  readonly sinceMs: number;
  looking: Looking | undefined;
  /** Its group has failed: what is on disk counts, once the store is open again. */
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
    add(claim, looking) {
      const entry: Open = { claim, sinceMs: clock.now(), looking, isUnknown: false };
      open.set(claim.id, entry);
      const ended = (): void => void (entry.looking = undefined);
      looking?.then(ended, ended);
    },
    look(claim) {
      const entry = open.get(claim.id);
      return entry && (entry.looking ?? verdictBy(entry, claim));
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
