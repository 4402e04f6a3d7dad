// Decides on a claim of a key when the broker is in this process: by an open claim, by the record on disk, or by neither.
import type { Engine } from '../broker/engine.ts';
import type { Clock } from '../domain/clock.ts';
import type { Digest } from '../domain/digest.ts';
import { createGather } from '../domain/gather.ts';
import { KeyStoreError, lockResponse, type Claim, type KeyStore, type Verdict } from '../domain/keys.ts';
import { verdictByRecord } from './key-record.ts';
import type { OpenClaims, RecordRead } from './open-claims.ts';

const claimed: readonly Verdict[] = [{ state: 'claimed' }];

/** The most keys of one read of LevelDB. More would keep its thread busy for too long. */
const readKeysMax = 500;

/** Returns a function that reads the record of a claim. */
function createReader(engine: Engine, clock: Clock): (claim: Claim) => RecordRead {
  const readKeys = createGather<Digest, Buffer | undefined>({
    ask: (ids) => engine.state().keys.find(ids),
    itemsMax: readKeysMax,
    clock,
  });
  return async ({ id, lockMs }) => {
    if (lockMs === undefined) {
      const [record] = await readKeys([id]);
      return record && ((claim) => verdictByRecord(claim, record));
    }
    const jid = await engine.state().locks.find(id);
    return jid === undefined ? undefined : () => ({ state: 'done', response: lockResponse(jid) });
  };
}

export function createEngineClaims(engine: Engine, clock: Clock, open: OpenClaims): KeyStore['claim'] {
  const { keysMax } = engine;
  const readRecord = createReader(engine, clock);

  const isFull = (): boolean => engine.state().keys.count() >= keysMax;

  /** False for most keys, which are new. Locks are always read. */
  const mayBeStored = ({ id, lockMs }: Claim): boolean => lockMs !== undefined || engine.state().keys.mayHave(id);

  /** The verdict when the key has no record. */
  function decideWithoutRecord(claim: Claim): Verdict {
    if (claim.jids.length === 0) return { state: 'absent' };
    if (isFull()) throw new KeyStoreError('full', `the store holds ${keysMax} keys, its limit`);
    // After a read the claim is open already.
    if (!open.holds(claim)) open.add(claim);
    return { state: 'claimed' };
  }

  async function readAndDecide(claim: Claim): Promise<Verdict> {
    const read = readRecord(claim);
    if (claim.jids.length > 0) open.add(claim, read);
    const verdictBy = await read;
    if (verdictBy === undefined) return decideWithoutRecord(claim);
    open.free(claim);
    return verdictBy(claim);
  }

  /** @param read of another claim of the same key */
  async function decideAfter(read: RecordRead, claim: Claim): Promise<Verdict> {
    const verdictBy = await read;
    return verdictBy ? verdictBy(claim) : verdictOn(claim);
  }

  /** Returns a promise only when LevelDB has to be asked. */
  function verdictOn(claim: Claim): Verdict | Promise<Verdict> {
    const found = open.verdictOrRead(claim);
    if (found instanceof Promise) return decideAfter(found, claim);
    return found ?? (mayBeStored(claim) ? readAndDecide(claim) : decideWithoutRecord(claim));
  }

  /** Rejects when a verdict cannot be found: then all claims made here are free again. */
  async function claimAll(claims: readonly Claim[]): Promise<readonly Verdict[]> {
    const refusal = engine.refusal();
    // Verdicts by open claims need no store.
    if (refusal !== undefined && !claims.every(({ id }) => open.has(id))) throw new KeyStoreError('away', refusal);
    if (refusal === undefined) open.forgetUnknown();
    const ends = await Promise.allSettled(claims.map(async (claim) => verdictOn(claim)));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed === undefined) return ends.map((end) => (end as PromiseFulfilledResult<Verdict>).value);
    claims.forEach(open.free);
    const reason: unknown = failed.reason;
    throw reason instanceof KeyStoreError ? reason : new KeyStoreError('away', 'the store did not answer', reason);
  }

  /** Claims a key that is certainly new, as nearly every key is. False: the claim has to be decided on. */
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
