// What is to be done once, where the broker is in this process: the record of a key and the jobs that it stands for are one
// group of the broker's log, so there are both or neither, whenever the process is killed (docs/decisions/0022-idempotency-keys.md).
import type { Engine } from '../broker/engine.ts';
import type { GroupOutcome } from '../broker/storage/ledger.ts';
import type { Clock } from '../domain/clock.ts';
import type { Digest } from '../domain/digest.ts';
import { createGather } from '../domain/gather.ts';
import {
  KeyStoreError,
  type Claim,
  type KeptResponse,
  type KeyStore,
  type Settlement,
  lockResponse,
  type Verdict,
} from '../domain/keys.ts';
import { enqueued, refused } from '../domain/producer.ts';
import { encodeKeyRecord, isSameRequest, verdictByRecord } from './key-record.ts';

export interface EngineKeysOptions {
  engine: Engine;
  durability: string;
  clock: Clock;
  /** A claim that is older is no longer said to be under way. */
  underWayMsMax: number;
}

/** The verdict on a claim by the record with its id that was found on disk. */
type Stored = (claim: Claim) => Verdict;

/** A claim whose record is looked for, or whose jobs are on their way. */
interface Open {
  readonly claim: Claim;
  readonly sinceMs: number;
  /** Until it is known whether there is a record on disk: others with the id wait for the same reply. */
  looking: Promise<Stored | undefined> | undefined;
  /** Its group has failed: what is on disk counts, once the store is open again. */
  isUnknown: boolean;
}

const claimed: readonly Verdict[] = [{ state: 'claimed' }];

/** Keys of one look-up in LevelDB. More would keep its thread busy for too long. */
const lookUpMax = 500;
export function createEngineKeys(options: EngineKeysOptions): KeyStore {
  const { engine, clock, durability, underWayMsMax } = options;
  const { keysMax } = engine;
  const { ledger } = engine;
  /** By id: as many as there are jobs under way. */
  const open = new Map<Digest, Open>();
  let hasUnknown = false;
  const lookUp = createGather<Digest, Buffer | undefined>({
    ask: (ids) => engine.state().keys.find(ids),
    itemsMax: lookUpMax,
    clock,
  });

  function entryOf(claim: Claim): Open | undefined {
    const entry = open.get(claim.id);
    return entry?.claim === claim ? entry : undefined;
  }

  function free(claim: Claim): void {
    const entry = entryOf(claim);
    if (entry !== undefined) open.delete(claim.id);
  }

  function verdictOfOpen(claim: Claim, { claim: first, sinceMs, isUnknown }: Open): Verdict {
    if (!isSameRequest(claim, first.fingerprint)) return { state: 'reused' };
    const { jids, response } = first;
    const isUnderWay = !isUnknown && clock.now() - sinceMs < underWayMsMax;
    return isUnderWay ? { state: 'in_progress', jids } : { state: 'unknown', jids, response };
  }

  /** What was unknown is on disk, or it is not: the store has been opened again since. */
  function forgetUnknown(): void {
    if (!hasUnknown) return;
    hasUnknown = false;
    for (const [id, { isUnknown }] of open) if (isUnknown) open.delete(id);
  }

  /** Most keys are new: then nothing is read. */
  const mayBeStored = ({ id, lockMs }: Claim): boolean => lockMs !== undefined || engine.state().keys.mayHave(id);

  async function find({ id, lockMs }: Claim): Promise<Stored | undefined> {
    if (lockMs === undefined) {
      const [record] = await lookUp([id]);
      return record && ((claim) => verdictByRecord(claim, record));
    }
    const jid = await engine.state().locks.find(id);
    return jid === undefined ? undefined : () => ({ state: 'done', response: lockResponse(jid) });
  }

  /** The claim has the key, unless the look-up finds a record. */
  function openFor(claim: Claim, looking?: Open['looking']): Open {
    const entry = { claim, sinceMs: clock.now(), looking, isUnknown: false };
    open.set(claim.id, entry);
    return entry;
  }

  /** Of a key without a record. */
  function decide(claim: Claim): Verdict {
    if (claim.jids.length === 0) return { state: 'absent' };
    if (engine.state().keys.count() >= keysMax)
      throw new KeyStoreError('full', `the store holds ${keysMax} keys, its limit`);
    if (entryOf(claim) === undefined) openFor(claim);
    return { state: 'claimed' };
  }

  async function look(claim: Claim): Promise<Verdict> {
    const looking = find(claim);
    if (claim.jids.length > 0) {
      const entry = openFor(claim, looking);
      const ended = (): void => void (entry.looking = undefined);
      looking.then(ended, ended);
    }
    const stored = await looking;
    if (stored === undefined) return decide(claim);
    free(claim);
    return stored(claim);
  }

  async function lookWith(other: Promise<Stored | undefined>, claim: Claim): Promise<Verdict> {
    const stored = await other;
    return stored ? stored(claim) : verdictOn(claim);
  }

  /** A promise where LevelDB is asked. */
  function verdictOn(claim: Claim): Verdict | Promise<Verdict> {
    const entry = open.get(claim.id);
    if (entry?.looking) return lookWith(entry.looking, claim);
    if (entry) return verdictOfOpen(claim, entry);
    return mayBeStored(claim) ? look(claim) : decide(claim);
  }

  /** Rejects when one is not known: then all keys that were claimed are free again. */
  async function verdictsOn(claims: readonly Claim[]): Promise<readonly Verdict[]> {
    const [claim] = claims;
    if (claims.length === 1) return [await verdictOn(claim as Claim)];
    const ends = await Promise.allSettled(claims.map(async (one) => verdictOn(one)));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
    return ends.map((end) => (end as PromiseFulfilledResult<Verdict>).value);
  }

  function write(claim: Claim, response: KeptResponse): void {
    const { id, fingerprint, jids, lockMs } = claim;
    if (lockMs === undefined) engine.state().keys.put(id, encodeKeyRecord(fingerprint, response));
    else engine.state().locks.put(id, jids[0] as string, lockMs);
  }

  function end(claim: Claim, outcome: GroupOutcome): void {
    const entry = entryOf(claim);
    if (entry === undefined) return;
    if (outcome === 'unknown') hasUnknown = entry.isUnknown = true;
    else open.delete(claim.id);
  }

  /** A record without jobs. */
  function writeAlone(claim: Claim, response: KeptResponse): Promise<void> {
    return new Promise((resolve) => {
      if (engine.refusal() !== undefined) {
        free(claim);
        return resolve();
      }
      write(claim, response);
      ledger.join({
        settle(_group, outcome) {
          end(claim, outcome);
          resolve();
        },
      });
      ledger.flush();
    });
  }

  function settleOne({ claim, outcome, response = claim.response }: Settlement): Promise<void> | undefined {
    // The end of the group in which it was written has settled it.
    if (entryOf(claim) === undefined) return undefined;
    if (outcome === 'done') return writeAlone(claim, response);
    if (outcome === 'refused') free(claim);
    return undefined;
  }

  async function claimAll(claims: readonly Claim[]): Promise<readonly Verdict[]> {
    const refusal = engine.refusal();
    // What this process knows by itself it says all the same.
    if (refusal !== undefined && !claims.every((claim) => open.has(claim.id))) throw new KeyStoreError('away', refusal);
    if (refusal === undefined) forgetUnknown();
    try {
      return await verdictsOn(claims);
    } catch (error) {
      claims.forEach(free);
      throw error instanceof KeyStoreError ? error : new KeyStoreError('away', 'the store did not answer', error);
    }
  }

  /** Nearly every key is new, and nothing has to be read. */
  function claimNew(claim: Claim): boolean {
    const isNew =
      claim.jids.length > 0 &&
      engine.refusal() === undefined &&
      !open.has(claim.id) &&
      !mayBeStored(claim) &&
      engine.state().keys.count() < keysMax;
    if (isNew) openFor(claim);
    return isNew;
  }

  return {
    durability,
    claim(claims) {
      return claims.length === 1 && claimNew(claims[0] as Claim) ? claimed : claimAll(claims);
    },
    attach(claim, jobs, responseOf) {
      const attachment = {
        write(refusals: ReadonlyMap<string, string>) {
          const outcomes = jobs.map(({ jid }) => {
            const refusal = refusals.get(jid);
            return refusal === undefined ? enqueued : refused('broker_refused', refusal);
          });
          const response = responseOf(outcomes);
          if (response === undefined) return;
          write(claim, response);
        },
        settle: (outcome: GroupOutcome) => end(claim, outcome),
      };
      for (const job of jobs) job.attachments = [attachment, ...(job.attachments ?? [])];
    },
    settle(settlements) {
      const writing = settlements.map(settleOne).filter((written) => written !== undefined);
      return writing.length === 0 ? undefined : Promise.all(writing).then(() => undefined);
    },
    async check() {
      const refusal = engine.refusal();
      if (refusal !== undefined) throw new KeyStoreError('away', refusal);
    },
    close: () => Promise.resolve(),
  };
}
