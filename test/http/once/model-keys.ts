// A store of keys as API processes share it, in memory and with faults that a seed draws: claims and settlements that are lost
// on their way, or whose reply is. Bugs can be planted into it, for the checker of model.test.ts.
import {
  KeyStoreError,
  type Claim,
  type KeptResponse,
  type KeyStore,
  type Settlement,
  type Verdict,
} from '../../../src/domain/keys.ts';
import type { Random } from '../../simulation/random.ts';

export const plantedBugs = [
  'gives a key that is under way to a second one',
  'answers what is under way as if it were done',
  'takes what is unknown for done',
  'frees a key whose outcome is unknown',
  'frees a key that is done',
  'does not look at the body',
] as const;
export type PlantedBug = (typeof plantedBugs)[number];

interface Kept {
  owner: string;
  fingerprint: string;
  state: 'open' | 'done' | 'unknown';
  jids: readonly string[];
  response: KeptResponse;
  sinceStep: number;
}

/** Requests after which a claim that nobody has settled is unknown. */
const underWaySteps = 6;
const ownerOf = ({ jids: [first = ''] }: Claim): string => first;

export interface ModelKeys {
  store: KeyStore;
  /** One request more has come. */
  step(): void;
  /** Settlements that were lost on their way arrive; those of a process that was killed do not. */
  tellLost(): void;
  forgetLost(): void;
}

export function createModelKeys(random: Random, faultRate: number, bug?: PlantedBug): ModelKeys {
  const records = new Map<string, Kept>();
  let lost: Settlement[] = [];
  let steps = 0;
  function claimOne(claim: Claim): Verdict {
    const found = records.get(claim.id);
    if (found === undefined) {
      if (claim.jids.length === 0) return { state: 'absent' };
      const { fingerprint, jids, response } = claim;
      records.set(claim.id, {
        owner: ownerOf(claim),
        fingerprint,
        state: 'open',
        jids,
        response,
        sinceStep: steps,
      });
      return { state: 'claimed' };
    }
    const { state, jids, response, fingerprint, sinceStep } = found;
    if (fingerprint !== claim.fingerprint && bug !== 'does not look at the body') return { state: 'reused' };
    if (state === 'done') return { state: 'done', response };
    if (state === 'unknown' || steps - sinceStep > underWaySteps)
      return bug === 'takes what is unknown for done'
        ? { state: 'done', response }
        : { state: 'unknown', jids, response };
    if (bug === 'gives a key that is under way to a second one' && claim.jids.length > 0) return { state: 'claimed' };
    if (bug === 'answers what is under way as if it were done') return { state: 'done', response };
    return { state: 'in_progress', jids };
  }

  function settleOne({ claim, outcome, response = claim.response, jids = claim.jids }: Settlement): void {
    const found = records.get(claim.id);
    if (found && found.owner !== ownerOf(claim)) return;
    const isFreed =
      outcome === 'refused' ||
      (outcome === 'unknown' && bug === 'frees a key whose outcome is unknown') ||
      (outcome === 'done' && bug === 'frees a key that is done');
    if (isFreed) return void records.delete(claim.id);
    const { fingerprint } = claim;
    const state = outcome;
    records.set(claim.id, { owner: ownerOf(claim), fingerprint, state, jids, response, sinceStep: steps });
  }

  return {
    step: () => void steps++,
    tellLost() {
      lost.splice(0).forEach(settleOne);
    },
    forgetLost() {
      lost = [];
    },
    store: {
      durability: 'fsync',
      async claim(claims) {
        if (random.chance(faultRate)) {
          // Its reply is lost: the claim is withdrawn at once, or later.
          if (random.chance(0.5)) {
            const taken = claims.filter((claim) => claimOne(claim).state === 'claimed');
            const withdrawals = taken.map((claim): Settlement => ({ claim, outcome: 'refused' }));
            if (random.chance(0.5)) withdrawals.forEach(settleOne);
            else lost.push(...withdrawals);
          }
          throw new KeyStoreError('away', 'a fault');
        }
        return claims.map(claimOne);
      },
      attach: () => undefined,
      check: () => Promise.resolve(),
      async settle(settlements) {
        if (random.chance(faultRate)) lost.push(...settlements);
        else settlements.forEach(settleOne);
      },
      close: () => Promise.resolve(),
    },
  };
}
