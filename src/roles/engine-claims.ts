// What a claim of a key meets where the broker is in this process: an open claim, a record on disk, or nothing.
import type { Engine } from '../broker/engine.ts';
import type { Clock } from '../domain/clock.ts';
import type { Digest } from '../domain/digest.ts';
import { createGather } from '../domain/gather.ts';
import { KeyStoreError, lockResponse, type Claim, type KeyStore, type Verdict } from '../domain/keys.ts';
import { verdictByRecord } from './key-record.ts';
import type { Looking, OpenClaims } from './open-claims.ts';

const claimed: readonly Verdict[] = [{ state: 'claimed' }];

/** Keys of one look-up in LevelDB. More would keep its thread busy for too long. */
const lookUpMax = 500;

/** Looks for the record of a claim on disk. */
function createSearch(engine: Engine, clock: Clock): (claim: Claim) => Looking {
  const lookUp = createGather<Digest, Buffer | undefined>({
    ask: (ids) => engine.state().keys.find(ids),
    itemsMax: lookUpMax,
    clock,
  });
  return async ({ id, lockMs }) => {
    if (lockMs === undefined) {
      const [record] = await lookUp([id]);
      return record && ((claim) => verdictByRecord(claim, record));
    }
    const jid = await engine.state().locks.find(id);
    return jid === undefined ? undefined : () => ({ state: 'done', response: lockResponse(jid) });
  };
}

export function createEngineClaims(engine: Engine, clock: Clock, open: OpenClaims): KeyStore['claim'] {
  const { keysMax } = engine;
  const find = createSearch(engine, clock);

  const isFull = (): boolean => engine.state().keys.count() >= keysMax;

  /** Most keys are new: then nothing is read. */
  const mayBeStored = ({ id, lockMs }: Claim): boolean => lockMs !== undefined || engine.state().keys.mayHave(id);

  /** Of a key without a record. */
  function decide(claim: Claim): Verdict {
    if (claim.jids.length === 0) return { state: 'absent' };
    if (isFull()) throw new KeyStoreError('full', `the store holds ${keysMax} keys, its limit`);
    if (!open.holds(claim)) open.add(claim);
    return { state: 'claimed' };
  }

  async function look(claim: Claim): Promise<Verdict> {
    const looking = find(claim);
    if (claim.jids.length > 0) open.add(claim, looking);
    const stored = await looking;
    if (stored === undefined) return decide(claim);
    open.free(claim);
    return stored(claim);
  }

  async function lookWith(other: Looking, claim: Claim): Promise<Verdict> {
    const stored = await other;
    return stored ? stored(claim) : verdictOn(claim);
  }

  /** A promise where LevelDB is asked. */
  function verdictOn(claim: Claim): Verdict | Promise<Verdict> {
    const found = open.look(claim);
    if (found instanceof Promise) return lookWith(found, claim);
    return found ?? (mayBeStored(claim) ? look(claim) : decide(claim));
  }

  /** Rejects when one is not known: then all keys that were claimed are free again. */
  async function claimAll(claims: readonly Claim[]): Promise<readonly Verdict[]> {
    const refusal = engine.refusal();
    // What this process knows by itself it says all the same.
    if (refusal !== undefined && !claims.every(({ id }) => open.has(id))) throw new KeyStoreError('away', refusal);
    if (refusal === undefined) open.forgetUnknown();
    const ends = await Promise.allSettled(claims.map(async (claim) => verdictOn(claim)));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed === undefined) return ends.map((end) => (end as PromiseFulfilledResult<Verdict>).value);
    claims.forEach(open.free);
    const reason: unknown = failed.reason;
    throw reason instanceof KeyStoreError ? reason : new KeyStoreError('away', 'the store did not answer', reason);
  }

  /** Nearly every key is new, and nothing has to be read. */
  function claimNew(claim: Claim): boolean {
    const isNew =
      claim.jids.length > 0 &&
      engine.refusal() === undefined &&
      !open.has(claim.id) &&
      !mayBeStored(claim) &&
      !isFull();
    if (isNew) open.add(claim);
    return isNew;
  }

  return (claims) => (claims.length === 1 && claimNew(claims[0] as Claim) ? claimed : claimAll(claims));
}
